// SPDX-License-Identifier: GPL-2.0-or-later
// Where results go: a file, a closed standard output, a reader that leaves, a disk that is full.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class OutputTest : public KoboxTest {
 protected:
  // kobox test of the quiet module, its streams as the shell text says ("$@" is the command).
  Finished in_shell(const std::string& shell, const Arguments& more = {}) {
    auto one = invocation(test_arguments(quiet_module(), more));
    one.prefix = {"bash", "-c", "set -o pipefail; " + shell, "bash"};
    return run(one);
  }
};

TEST_F(OutputTest, AFileGetsTheResultsAndStandardOutputNothing) {
  const auto file = folder_ / "new/folder/report.json";
  const auto done = test(quiet_module(), {"--output", file.string()});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, IsEmpty());
  const auto report = nlohmann::json::parse(slurp(file), nullptr, false);
  ASSERT_TRUE(report.is_object()) << slurp(file);
  EXPECT_EQ(report["verdict"], "pass");
}

TEST_F(OutputTest, TheConsoleIsKeptWholeAndNothingOfItTwice) {
  const auto done =
      test(project("[[test]]\nname = \"talks\"\n"
                   "run = \"for i in $(seq 1000 3000); do echo line $i; done >/dev/console; sleep "
                   "1; false\"\n"));
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  const auto console = slurp(failure["console"].get<std::string>());
  std::string expected;
  for (int i = 1000; i <= 3000; ++i) expected += fmt::format("line {}\r\n", i);
  const auto begin = console.find("line 1000");
  ASSERT_NE(begin, std::string::npos) << console;
  EXPECT_EQ(console.substr(begin, expected.size()), expected);
}

TEST_F(OutputTest, AFileThatCannotBeWritten) {
  const auto done = test(quiet_module(), {"--output", "/proc/nothing/report.json"});
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("/proc/nothing"));
}

TEST_F(OutputTest, StandardOutputClosed) {
  for (const auto* format : {"json", "terminal"}) {
    const auto done = in_shell("exec \"$@\" >&-", {"--format", format});
    EXPECT_EQ(done.code(), 4) << done;
    EXPECT_THAT(done.error, HasSubstr("cannot write the results to standard output"));
    EXPECT_THAT(done.error, HasSubstr("--output FILE"));
  }
}

TEST_F(OutputTest, EveryStreamClosed) {
  const auto file = folder_ / "report.json";
  const auto done = in_shell("exec \"$@\" <&- >&- 2>&-", {"--output", file.string()});
  EXPECT_THAT(slurp(file), HasSubstr("\"verdict\": \"pass\"")) << done;
  EXPECT_THAT(machines(), IsEmpty());
  EXPECT_EQ(done.code(), 0) << "nothing was to be written on standard output" << done;
}

TEST_F(OutputTest, AFullDevice) {
  const auto done = in_shell("exec \"$@\" > /dev/full");
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("No space left on device"));
}

TEST_F(OutputTest, AReaderThatLeaves) {
  const auto done = in_shell("\"$@\" | true");
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("Broken pipe"));
  EXPECT_THAT(machines(), IsEmpty());
}

TEST_F(OutputTest, NoColorOnAPipeNorWithNoColor) {
  EXPECT_THAT(test(quiet_module(), {"--format", "terminal"}).output, Not(HasSubstr("\033")));
  EXPECT_THAT(test(quiet_module(), {"--format", "terminal", "--color", "always"}).output,
              HasSubstr("\033["));
}

TEST_F(OutputTest, QuietSaysNothingOfWhatPassed) {
  const auto done = test(quiet_module(), {"--format", "terminal", "-q"});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, Not(HasSubstr("loads and unloads")));
  const auto failed = test(project("[[test]]\nname = \"good\"\nrun = \"true\"\n"
                                   "[[test]]\nname = \"bad\"\nrun = \"false\"\n"),
                           {"--format", "terminal", "-q"});
  EXPECT_EQ(failed.code(), 1) << failed;
  EXPECT_THAT(failed.output, HasSubstr("bad"));
  EXPECT_THAT(failed.output, Not(HasSubstr("good")));
}

}  // namespace
}  // namespace kobox::e2e
