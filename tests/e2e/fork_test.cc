// SPDX-License-Identifier: GPL-2.0-or-later
// Every test in its own fork of a saved machine: nothing passes from one to the next, nothing is
// the same in two that must differ, and no saved machine is believed that should not be.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <set>

#include "base/regex.h"
#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

using ::testing::ElementsAre;

constexpr const char* k_two_tests =
    "[[test]]\nname = \"a\"\nrun = \"true\"\n[[test]]\nname = \"b\"\nrun = \"true\"\n";

class ForkTest : public KoboxTest {
 protected:
  // What lies there, but for the locks.
  std::vector<fs::path> templates() const {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(cache_ / "kobox/templates", error))
      if (entry.path().filename() != ".locks") found.push_back(entry.path());
    return found;
  }
  fs::path only_template() const {
    const auto found = templates();
    EXPECT_THAT(found, SizeIs(1));
    return found.empty() ? fs::path() : found.front();
  }
  Finished two_tests() { return test(project(k_two_tests), {"--offline"}); }
  // What the tests wrote to the console after "said ", one set entry each.
  std::set<std::string> said_by(const std::string& command, int tests) {
    std::string toml;
    for (int i = 0; i < tests; ++i)
      toml += fmt::format(
          "[[test]]\nname = \"t{}\"\nrun = '''echo \"<0>said $({})\" > /dev/kmsg'''\n", i, command);
    const auto done = test(project(toml), {"--keep"});
    EXPECT_EQ(done.code(), 0) << done;
    std::set<std::string> said;
    for (const auto& entry : fs::recursive_directory_iterator(runs())) {
      if (!entry.is_regular_file()) continue;
      const auto text = slurp(entry.path());
      const auto pattern = Regex::compile("said ([^\r\n]+)").value();
      for (const auto& parts : pattern.find_all(text)) said.emplace(parts[1]);
    }
    return said;
  }
};

TEST_F(ForkTest, WhatOneTestLeavesNoOtherSees) {
  const auto done = test(project(R"TOML(
[[test]]
name = "leaves things"
run = "echo left > /tmp/left; mkdir /root/left; hostname left; sysctl -qw kernel.pid_max=4444"
[[test]]
name = "sees nothing of it"
run = "test ! -e /tmp/left; test ! -e /root/left && test $(hostname) = kobox && test $(cat /proc/sys/kernel/pid_max) != 4444"
[[test]]
name = "brings the kernel down"
run = "echo c > /proc/sysrq-trigger"
[[test]]
name = "finds it whole"
run = "test $(cat /proc/sys/kernel/tainted) = $((1 << 12 | 1 << 13))"
)TOML"));
  EXPECT_EQ(done.code(), 1) << done;
  const auto tests = done.report()["runs"][0]["tests"];
  ASSERT_EQ(tests.size(), 4U) << done;
  EXPECT_EQ(tests[0]["verdict"], "pass") << done;
  EXPECT_EQ(tests[1]["verdict"], "pass") << done;
  EXPECT_EQ(tests[2]["verdict"], "fail") << done;
  EXPECT_EQ(tests[3]["verdict"], "pass") << done;
}

class ForkOn : public ForkTest, public ::testing::WithParamInterface<const char*> {};

// What a module can do wrong is compared in faulty_test; this is what a command can.
TEST_P(ForkOn, AForkIsJudgedAsABootIs) {
  const auto place = project(R"TOML(
[[test]]
name = "passes"
run = "true"
[[test]]
name = "assertion"
run = "false"
[[test]]
name = "hang"
run = "sleep 100"
timeout = "1s"
[[test]]
name = "leak"
run = "mknod /dev/left c 1 3"
[[test]]
name = "panic"
run = "echo c > /proc/sysrq-trigger; sleep 10"
[[test]]
name = "panic by reset"
run = "reboot -f; sleep 10"
[[test]]
name = "lost"
run = "poweroff -f; sleep 10"
)TOML");
  // One "name: verdict kind" a test.
  const auto verdicts = [&](const Arguments& more) {
    const auto done = test(place, more);
    EXPECT_EQ(done.code(), 1) << done;
    std::vector<std::string> all;
    const auto report = done.report();
    for (const auto& one : report["runs"][0]["tests"]) {
      EXPECT_FALSE(one.contains("note")) << done;
      all.push_back(one["name"].get<std::string>() + ": " + one["verdict"].get<std::string>());
      if (const auto& failure = one["failure"]; failure.is_object())
        all.back() += " " + failure["kind"].get<std::string>();
    }
    return all;
  };
  const auto forked = verdicts({"--kernel", GetParam()});
  EXPECT_THAT(forked, ElementsAre("passes: pass", "assertion: fail assertion", "hang: fail hang",
                                  "leak: fail leak", "panic: fail panic",
                                  "panic by reset: fail panic", "lost: fail lost"));
  EXPECT_EQ(verdicts({"--kernel", GetParam(), "--fresh-boot"}), forked);
}

INSTANTIATE_TEST_SUITE_P(Kernels, ForkOn, ::testing::ValuesIn(k_kernels),
                         [](const auto& one) { return name_of_parameter(one.param); });

// The machine that is saved with the module loaded holds all of them.
TEST_F(ForkTest, ATestFindsItsOwnProgramsAndNoOthers) {
  const auto place = project(R"TOML(
[[test]]
name = "uses one"
run = "one"
programs = ["one.c"]
stdout = "one"
[[test]]
name = "uses both"
run = "one && two"
programs = ["one.c", "two.c"]
stdout = "onetwo"
[[test]]
name = "has none"
run = "command -v one two"
status = 127
stdout = ""
[[test]]
name = "has the other"
run = "two; command -v one"
programs = ["two.c"]
status = 127
stdout = "two"
)TOML");
  for (const std::string name : {"one", "two"})
    spit(place / (name + ".c"),
         "#include <stdio.h>\nint main(void) { return fputs(\"" + name + "\", stdout) < 0; }\n");
  count_machines();
  const auto forked = test(place);
  EXPECT_EQ(forked.code(), 0) << forked;
  EXPECT_EQ(starts().forks, 5) << "one in which the module is loaded, and one for each test";
  const auto booted = test(place, {"--fresh-boot"});
  EXPECT_EQ(booted.code(), 0) << booted;
  EXPECT_EQ(starts().forks, 0);
}

TEST_F(ForkTest, EveryForkHasItsOwnRandomNumbers) {
  EXPECT_THAT(said_by("head -c 16 /dev/urandom | od -An -tx1", 5), SizeIs(5));
}

TEST_F(ForkTest, EveryForkHasItsOwnAddresses) {
  EXPECT_THAT(said_by("grep stack /proc/self/maps", 5), SizeIs(5));
}

TEST_F(ForkTest, ItIsTheRightTimeOfDay) {
  const auto before = std::time(nullptr);
  const auto said = said_by("date +%s", 2);
  const auto after = std::time(nullptr);
  ASSERT_FALSE(said.empty());
  for (const auto& time : said) {
    EXPECT_GE(std::stoll(time), before);
    EXPECT_LE(std::stoll(time), after);
  }
}

TEST_F(ForkTest, ResultsComeInTheFilesOrderWhateverEndsFirst) {
  const auto done = test(project("[[test]]\nname = \"slow\"\nrun = \"sleep 3\"\n"
                                 "[[test]]\nname = \"fast\"\nrun = \"true\"\n"
                                 "[[test]]\nname = \"faster\"\nrun = \"true\"\n"),
                         {"--jobs", "3"});
  EXPECT_EQ(done.code(), 0) << done;
  const auto tests = done.report()["runs"][0]["tests"];
  ASSERT_EQ(tests.size(), 3U);
  EXPECT_EQ(tests[0]["name"], "slow");
  EXPECT_EQ(tests[1]["name"], "fast");
  EXPECT_EQ(tests[2]["name"], "faster");
}

TEST_F(ForkTest, TheLoadIsDoneAndToldOnce) {
  const auto place =
      module_project("loud", R"(#include <linux/module.h>
static int __init loud_init(void) { WARN(1, "as it loads"); return 0; }
static void __exit loud_exit(void) { }
module_init(loud_init);
module_exit(loud_exit);
MODULE_LICENSE("GPL");
)",
                     std::string(k_two_tests) + "[[test]]\nname = \"c\"\nrun = \"true\"\n");
  for (const auto& more : {Arguments{}, Arguments{"--fresh-boot"}}) {
    const auto done = test(place, more);
    EXPECT_EQ(done.code(), 1) << done;
    const auto run = done.report()["runs"][0];
    EXPECT_EQ(run["failure"]["kind"], "warning") << done;
    EXPECT_EQ(run["failure"]["function"], "loud_init") << done;
    EXPECT_EQ(run["failure"]["line"], 2) << done;
    EXPECT_TRUE(run["tests"].empty()) << done;
  }
}

TEST_F(ForkTest, ASavedMachineIsMadeOnceAndUsedAgain) {
  use_own_templates();
  count_machines();
  const auto first = two_tests();
  EXPECT_EQ(first.code(), 0) << first;
  EXPECT_EQ(starts().boots, 1);
  const auto saved = only_template();
  const auto second = two_tests();
  EXPECT_EQ(second.code(), 0) << second;
  EXPECT_EQ(starts().boots, 0);
  EXPECT_EQ(only_template(), saved);
  // Another machine is another template.
  const auto larger = test(project("[limits]\nmemory = \"300M\"\n", k_two_tests));
  EXPECT_EQ(larger.code(), 0) << larger;
  EXPECT_THAT(templates(), SizeIs(2));
}

TEST_F(ForkTest, TwoThatWantTheSameMakeItOnce) {
  use_own_templates();
  count_machines();
  const auto arguments = test_arguments(project(k_two_tests), {"--offline"});
  auto one = start(arguments);
  auto other = start(arguments);
  const auto first = one.wait();
  const auto second = other.wait();
  EXPECT_EQ(first.code(), 0) << first;
  EXPECT_EQ(second.code(), 0) << second;
  EXPECT_EQ(starts().boots, 1) << first << second;
  EXPECT_THAT(templates(), SizeIs(1));
}

// Killed while it boots; while it writes (the directory in the making is there); right after.
TEST_F(ForkTest, KilledWhileItSavesNothingHalfIsUsed) {
  use_own_templates();
  const auto arguments = test_arguments(project(k_two_tests), {"--offline"});
  for (const Duration delay : {0ms, 10ms, 20ms, 40ms, 80ms}) {
    auto killed = start(arguments);
    const auto has_begun = [&] { return killed.ended() || !templates().empty(); };
    EXPECT_TRUE(holds_within(60s, has_begun));
    const auto start = std::chrono::steady_clock::now();
    holds_within(delay, [&] { return std::chrono::steady_clock::now() - start >= delay; });
    killed.signal(SIGKILL);
    killed.wait();
    EXPECT_TRUE(machines_end_within(10s));
    for (const auto& directory : templates())
      EXPECT_TRUE(directory.filename().string().starts_with(".making") ||
                  fs::exists(directory / "checked"))
          << directory;
    if (delay != 0ms) continue;
    const auto next = two_tests();
    EXPECT_EQ(next.code(), 0) << next;
    EXPECT_FALSE(only_template().filename().string().starts_with(".")) << "garbage is left";
    fs::remove_all(cache_ / "kobox/templates");
  }
  const auto last = two_tests();
  EXPECT_EQ(last.code(), 0) << last;
  EXPECT_THAT(last.error, Not(HasSubstr("cannot be used"))) << last;
  only_template();
}

TEST_F(ForkTest, ADamagedOneIsNoticedSaidAndReplaced) {
  use_own_templates();
  count_machines();
  EXPECT_EQ(two_tests().code(), 0);
  const auto damage = [&](const char* part, const std::string& shell, const char* said) {
    SCOPED_TRACE(shell);
    const auto file = only_template() / part;
    const auto done = run_command({.argv = {"sh", "-c", shell, "sh", file.string()}});
    ASSERT_TRUE(done && done->status.success());
    starts();
    const auto next = two_tests();
    EXPECT_EQ(next.code(), 0) << next;
    EXPECT_THAT(next.error, HasSubstr("cannot be used and is made again")) << next;
    EXPECT_THAT(next.error, HasSubstr(said)) << next;
    EXPECT_EQ(starts().boots, 1) << next;
    EXPECT_EQ(two_tests().code(), 0);
    EXPECT_EQ(starts().boots, 0);
  };
  damage("memory", "printf X | dd of=\"$1\" bs=1 seek=50000000 conv=notrunc status=none",
         "its memory is not what was saved");
  damage("memory", "truncate -s 100M \"$1\"", "its memory was cut off");
  damage("state", "truncate -s 1000 \"$1\"", "its state is not what was saved");
  damage("manifest", "echo hello > \"$1\"", "its manifest is damaged");
  damage("manifest", "rm \"$1\"; mkdir \"$1\"", "manifest");
}

// A QEMU that boots, but does not resume what it has saved.
TEST_F(ForkTest, AForkThatDoesNotWakeIsReplacedByABootAndTheReportSaysSo) {
  use_own_templates();
  const auto fake = directory_ / "bin/qemu-system-x86_64";
  spit(fake, fmt::format("#!/bin/sh\ncase \"$*\" in *-incoming*) echo 'it does not resume' >&2; "
                         "exit 1;; esac\nexec {} \"$@\"\n",
                         find_program("qemu-system-x86_64")->string()));
  ASSERT_EQ(::chmod(fake.c_str(), 0755), 0);
  auto one = invocation(test_arguments(project(k_two_tests), {"--jobs", "1", "--offline"}));
  one.environment.emplace_back(
      "PATH", fmt::format("{}:{}", fake.parent_path().string(), std::getenv("PATH")));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 0) << done;
  const auto tests = done.report()["runs"][0]["tests"];
  ASSERT_EQ(tests.size(), 2U) << done;
  for (const auto& test : tests) {
    EXPECT_EQ(test["verdict"], "pass") << done;
    ASSERT_TRUE(test.contains("note")) << done;
    EXPECT_THAT(test["note"].get<std::string>(), HasSubstr("fresh boot"));
    EXPECT_THAT(test["note"].get<std::string>(), HasSubstr("it does not resume"));
  }
  EXPECT_FALSE(fs::exists(only_template() / "checked")) << "it is believed as before";
}

TEST_F(ForkTest, NoneInUseIsPruned) {
  use_own_templates();
  for (const auto* name : {"builds", "guests", "programs", "symbols"})
    fs::remove(cache_ / "kobox" / name);
  auto sleeping = start_sleeper();
  const auto saved = only_template();
  // The kernels are everybody's; only what this test made may go.
  fs::remove(cache_ / "kobox/kernels");
  const auto made = [&] {
    return listing(cache_ / "kobox/builds") + listing(cache_ / "kobox/guests");
  };
  const auto before = made();
  EXPECT_THAT(before, HasSubstr(".ko"));
  EXPECT_THAT(before, HasSubstr(".cpio"));
  const auto listed = run({"cache", "list"});
  EXPECT_THAT(listed.output, ContainsRegex("machine +[0-9.]+ MB [^\n]*-cloud-amd64.tcg.256M.1cpu"
                                           "[^\n]*\\(in use\\)"));
  EXPECT_EQ(run({"cache", "prune", "--all"}).code(), 0);
  EXPECT_TRUE(fs::exists(saved / "memory"));
  EXPECT_EQ(made(), before);
  sleeping.signal(SIGTERM);
  sleeping.wait();
  EXPECT_EQ(run({"cache", "prune", "--all"}).code(), 0);
  EXPECT_THAT(templates(), IsEmpty());
  EXPECT_EQ(made(), "");
}

}  // namespace
}  // namespace kobox::e2e
