// SPDX-License-Identifier: GPL-2.0-or-later
// Several kernels, and one report of many: kobox test --shard, kobox report.
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class ReportTest : public KoboxTest {
 protected:
  fs::path three_tests() {
    return project(R"(
[[test]]
name = "passes"
run = "true"
[[test]]
name = "fails"
run = "exit 3"
[[test]]
name = "is for later kernels"
run = "true"
kernels = ">=6.12"
)");
  }
  Arguments on_two_kernels(const fs::path& module, const Arguments& more) const {
    Arguments arguments = {"test",       module.string(), "--kernel", "6.1-cloud", "--kernel",
                           "6.12-cloud", "--accel",       "tcg",      "--offline"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string file(const std::string& name) const { return (directory_ / name).string(); }
};

TEST_F(ReportTest, SeveralKernelsAreATableAndASentence) {
  const auto done = run(on_two_kernels(three_tests(), {}));
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.output, HasSubstr("                      6.1   6.12\n"
                                     "passes                ok    ok\n"
                                     "fails                 FAIL  FAIL\n"
                                     "is for later kernels  skip  ok\n"));
  EXPECT_THAT(done.output, HasSubstr("FAIL  fails, on 6.1 and 6.12\n"));
  EXPECT_THAT(done.output,
              testing::EndsWith("\n\nfails 1 of 3 tests on both kernels, 6.1 and 6.12: "
                                "the command ended with status 3, expected status 0\n"))
      << done;
}

TEST_F(ReportTest, ShardsMergedSayWhatOneMachineSays) {
  const auto module = three_tests();
  const auto whole = run(on_two_kernels(module, {"--format", "json"}));
  for (const char* shard : {"1/2", "2/2"}) {
    const auto part = run(on_two_kernels(module, {"--shard", shard, "--format", "json", "--output",
                                                  file(std::string(1, shard[0]))}));
    EXPECT_EQ(part.code(), 1) << part;
  }
  const auto merged = run({"report", "merge", file("2"), file("1"), "--format", "json"});
  EXPECT_EQ(merged.code(), whole.code()) << merged;
  EXPECT_EQ(without_times(merged.report()), without_times(whole.report()));

  const auto alone = run({"report", "merge", file("1")});
  EXPECT_EQ(alone.code(), 2) << alone;
  EXPECT_THAT(alone.error, HasSubstr("none of the reports is of shard 2/2; with --allow-missing"));
  const auto lost = run({"report", "merge", file("1"), "--allow-missing", "--format", "json"});
  EXPECT_EQ(lost.code(), 1) << lost;
  EXPECT_EQ(lost.report()["runs"][1]["tests"][1]["failure"]["kind"], "environment") << lost;

  spit(directory_ / "newer", R"({"schema": "kobox.report/2"})");
  const auto newer = run({"report", "merge", file("1"), file("newer")});
  EXPECT_EQ(newer.code(), 2) << newer;
  EXPECT_THAT(newer.error, HasSubstr(file("newer") + ": it is of schema 'kobox.report/2'"));
}

TEST_F(ReportTest, AShardOfAnotherKoboxTomlIsRefused) {
  const auto module = three_tests();
  const auto part = [&](const char* shard) {
    return run(on_two_kernels(module, {"--shard", shard, "--filter", "passes", "--format", "json",
                                       "--output", file(std::string(1, shard[0]))}));
  };
  EXPECT_EQ(part("1/2").code(), 0);
  spit(module / "kobox.toml", slurp(module / "kobox.toml") + "# changed\n");
  EXPECT_EQ(part("2/2").code(), 0);
  const auto merged = run({"report", "merge", file("1"), file("2")});
  EXPECT_EQ(merged.code(), 2) << merged;
  EXPECT_THAT(merged.error, HasSubstr(file("2") + " does not belong to " + file("1") +
                                      ": it is of another kobox.toml"));
}

TEST_F(ReportTest, AKernelThatIsNamedTwiceIsTestedOnce) {
  const auto done = test(project("[[test]]\nname = \"passes\"\nrun = \"true\"\n"),
                         {"--kernel", "6.1-cloud", "--kernel", "6.1-cloud"});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.report()["runs"], SizeIs(1)) << done;
}

TEST_F(ReportTest, AShardWithNothingToDoIsNoPass) {
  const auto done = run(on_two_kernels(three_tests(), {"--shard", "4/20"}));
  EXPECT_EQ(done.code(), 2) << done;
  EXPECT_THAT(done.error,
              HasSubstr("shard 4/20 has nothing to do: there are 3 tests on 2 kernels"));
}

TEST_F(ReportTest, ThePageHasTheEndOfTheConsole) {
  const auto module = project(
      "[[test]]\nname = \"fails\"\nrun = \"echo '<0>a <word>' > "
      "/dev/kmsg; exit 3\"\n");
  const auto done = test(module, {"--format", "html"});
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.output, HasSubstr("end of the console"));
  EXPECT_THAT(done.output, HasSubstr("a &#60;word&#62;"));
  // A report may name any file; only what kobox keeps is shown.
  auto report = test(module, {"--format", "json"}).report();
  report["runs"][0]["tests"][0]["failure"]["console"] = "/etc/passwd";
  spit(directory_ / "report", report.dump());
  const auto shown = run({"report", "show", file("report"), "--format", "html"});
  EXPECT_EQ(shown.code(), 1) << shown;
  EXPECT_THAT(shown.output, Not(HasSubstr("root:")));
}

}  // namespace
}  // namespace kobox::e2e
