// SPDX-License-Identifier: GPL-2.0-or-later
// kobox decode: logs from elsewhere.

#include "base/regex.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class DecodeTest : public KoboxTest {
 protected:
  static fs::path recorded(const std::string& name) {
    return source_directory() / "tests/data/consoles" / name;
  }
};

TEST_F(DecodeTest, TheTestsOwnReportCanBeDecoded) {
  const auto module = source_directory() / "modules/faulty/oops_inline";
  const auto failure = failure_of(test(module).report());
  ASSERT_TRUE(failure.is_object());
  std::string log;
  for (const auto& line : failure["log"]) log += line.get<std::string>() + "\n";
  ASSERT_THAT(log, HasSubstr("RIP: 0010:faulty_oops_inline_store+"));
  EXPECT_THAT(log, HasSubstr("[faulty_oops_inline] (set_answer at faulty_oops_inline.c:21, inlined "
                             "into faulty_oops_inline_store at faulty_oops_inline.c:26)"))
      << "a failure's log is decoded already";
  log = Regex::compile(R"((\[faulty_oops_inline\]) \([^)]*\))").value().replace_all(log, "\\1");
  ASSERT_THAT(log, Not(HasSubstr("faulty_oops_inline.c:26)")));
  spit(directory_ / "oops.log", log);
  const auto done = run({"decode", module.string(), (directory_ / "oops.log").string()});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output,
              HasSubstr("[faulty_oops_inline] (set_answer at faulty_oops_inline.c:21, inlined "
                        "into faulty_oops_inline_store at faulty_oops_inline.c:26)"));
  EXPECT_THAT(done.output, HasSubstr("[faulty_oops_inline] (faulty_oops_inline.c:32)"));
  EXPECT_THAT(done.error, IsEmpty()) << done;
}

TEST_F(DecodeTest, StandardInputAndALogWithoutTheModule) {
  auto call = invocation({"decode", quiet_module().string(), "--kernel", "6.1-cloud"});
  call.input = "no\x1bplace\n vfs_write+0x1/0x2\nlast line without its end";
  const auto done = run(call);
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, call.input);
  EXPECT_THAT(done.error, HasSubstr("the log names no place in "));
}

TEST_F(DecodeTest, ALogOfOtherSourcesIsSaid) {
  auto call = invocation({"decode", quiet_module().string(), "-", "--kernel", "6.1-cloud"});
  call.input = " no_such_function+0x1/0x2 [quiet]\n";
  const auto done = run(call);
  EXPECT_EQ(done.output, call.input) << done;
  EXPECT_THAT(done.error, HasSubstr("1 of 1 places in quiet are not in its build for 6.1.0-"));
}

TEST_F(DecodeTest, BadArguments) {
  const auto absent = run({"decode", quiet_module().string(), "/nonexistent.log"});
  EXPECT_EQ(absent.code(), 4) << absent;
  EXPECT_THAT(absent.error, HasSubstr("/nonexistent.log"));
  const auto twice =
      run({"decode", quiet_module().string(), "--kernel", "6.1-cloud", "--kernel", "6.12-cloud"});
  EXPECT_EQ(twice.code(), 2) << twice;
  EXPECT_THAT(twice.error, HasSubstr("a log is of one kernel"));
}

}  // namespace
}  // namespace kobox::e2e
