// SPDX-License-Identifier: GPL-2.0-or-later
// Where results go: a file, a closed standard output, a reader that leaves, a disk that is full.
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
  const auto file = directory_ / "new/directory/report.json";
  const auto done = test(quiet_module(), {"--output", file.string()});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, IsEmpty());
  const auto report = nlohmann::json::parse(slurp(file), nullptr, false);
  ASSERT_TRUE(report.is_object()) << slurp(file);
  EXPECT_EQ(report["verdict"], "pass");
}

// A kernel that prints with interrupts off gives a reader no time to keep up.
TEST_F(OutputTest, TheConsoleIsKeptWholeAndNothingOfItTwice) {
  const auto failure = failure_of(
      test(source_directory() / "modules/faulty/oops_interrupt", {"--kernel", "6.12-cloud"})
          .report());
  ASSERT_TRUE(failure.is_object());
  const auto console = slurp(failure["console"].get<std::string>());
  EXPECT_GT(failure["log"].size(), 20U);
  for (const auto& entry : failure["log"]) {
    const auto line = entry.get<std::string>();
    EXPECT_THAT(console, HasSubstr(line.substr(0, line.find(" (faulty_oops"))));  // places: ours
  }
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
  const auto file = directory_ / "report.json";
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
