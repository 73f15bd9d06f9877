// SPDX-License-Identifier: GPL-2.0-or-later
// Needs gcc, the static C library and readelf.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "base/child.h"
#include "base/files.h"
#include "module/build.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProgramTest : public ::testing::Test {
 protected:
  fs::path source() const { return directory_.path() / "my module"; }
  void put(const fs::path& relative, std::string_view text) {
    EXPECT_TRUE(write_file(source() / relative, text));
  }
  Result<ProgramOutcome> build(const std::string& name) {
    return build_program(source() / name, directory_.path() / "cache", Deadline::after(60s));
  }
  BuiltProgram program(const std::string& name) {
    auto outcome = build(name);
    if (outcome && std::holds_alternative<BuiltProgram>(*outcome))
      return std::get<BuiltProgram>(*outcome);
    ADD_FAILURE() << (outcome ? std::get<BuildFailure>(*outcome).message
                              : outcome.error().to_string());
    return {};
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-program-test").value();
};

TEST_F(ProgramTest, RunsWithoutTheHostsLibraries) {
  put("stress.c", "#include <stdio.h>\nint main(void) { puts(\"hi\"); return 3; }\n");
  const auto made = program("stress.c");
  EXPECT_EQ(made.name, "stress");
  auto done = run_command({.argv = {made.path.string()}});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output, "hi\n");
  EXPECT_EQ(done->status.code, 3);
  auto segments = run_command({.argv = {"readelf", "-lW", made.path.string()}});
  ASSERT_TRUE(segments);
  EXPECT_THAT(segments->output, AllOf(HasSubstr("LOAD"), Not(HasSubstr("INTERP"))));
}

TEST_F(ProgramTest, IsMadeAgainWhenAHeaderChanges) {
  put("include/n.h", "#define N 1\n");
  put("p.c", "#include \"include/n.h\"\nint main(void) { return N; }\n");
  const auto first = program("p.c");
  fs::last_write_time(first.path, fs::file_time_type::clock::now() - 1h);
  const auto time = fs::last_write_time(first.path);
  EXPECT_EQ(program("p.c").path, first.path);
  EXPECT_EQ(fs::last_write_time(first.path), time);
  put("include/n.h", "#define N 2\n");
  const auto second = program("p.c");
  EXPECT_NE(second.path, first.path);
  EXPECT_EQ(run_command({.argv = {second.path.string()}})->status.code, 2);
}

TEST_F(ProgramTest, ErrorsHaveTheirPlace) {
  put("bad.c", "#include <stdio.h>\nint main(void) { return x; }\n");
  put("head.c", "\n#include \"absent.h\"\n");
  put("link.c", "int absent(void);\nint main(void) {\n  return absent();\n}\n");
  const std::vector<std::tuple<std::string, int, std::string>> expected = {
      {"bad.c", 2, "'x' undeclared"}, {"head.c", 2, "absent.h"}, {"link.c", 3, "`absent'"}};
  for (const auto& [name, line, message] : expected) {
    auto outcome = build(name);
    ASSERT_TRUE(outcome && std::holds_alternative<BuildFailure>(*outcome)) << name;
    const auto& failure = std::get<BuildFailure>(*outcome);
    EXPECT_EQ(failure.file, name);
    EXPECT_EQ(failure.line, line) << name;
    EXPECT_THAT(failure.message, HasSubstr(message));
    EXPECT_THAT(read_file(failure.full_log).value(), HasSubstr(message));
  }
  EXPECT_EQ(build("none.c").error().kind(), ErrorKind::usage);
}

}  // namespace
}  // namespace kobox
