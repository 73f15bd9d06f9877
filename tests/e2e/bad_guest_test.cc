// SPDX-License-Identifier: GPL-2.0-or-later
// Tests that misbehave: they flood, hang, kill, panic and power off. kobox stays, in time, with a
// verdict that says what happened, and goes on with the next test.
#include <fmt/format.h>

#include <csignal>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

constexpr const char* k_next =
    "[[test]]\nname = \"next\"\nrun = \"echo fine\"\nstdout = \"fine\\n\"\n";

class BadGuestTest : public KoboxTest {
 protected:
  // The result of a single test, after which another one must pass.
  nlohmann::json result_of(const std::string& body) {
    const auto done = test(project("[[test]]\nname = \"bad\"\n" + body + k_next));
    SCOPED_TRACE(testing::PrintToString(done));
    const auto report = done.report();
    if (!report.is_object()) return {};
    const auto& tests = report["runs"][0]["tests"];
    EXPECT_EQ(tests.size(), 2U);
    if (tests.size() != 2) return {};
    EXPECT_EQ(tests[1]["verdict"], "pass") << "the next test was harmed";
    const std::string verdict = tests[0]["verdict"];
    EXPECT_EQ(done.code(), verdict == "pass" ? 0 : verdict == "fail" ? 1 : 4);
    EXPECT_THAT(machines(), IsEmpty());
    return tests[0];
  }
  static std::string kind_of(const nlohmann::json& result) {
    if (!result.is_object() || !result["failure"].is_object()) return "no failure";
    return result["failure"]["kind"];
  }
};

TEST_F(BadGuestTest, PrintingAHundredMegabytesIsBounded) {
  const auto result = result_of(
      "run = \"dd if=/dev/zero bs=1M count=100; echo alive >&2\"\ntimeout = \"100s\"\n"
      "stdout = \"\"\nstderr = { contains = \"alive\" }\n");
  EXPECT_EQ(kind_of(result), "assertion");
  const auto message = result["failure"]["message"].get<std::string>();
  EXPECT_THAT(message, HasSubstr("standard output: expected exactly \"\""));
  EXPECT_THAT(message, HasSubstr("dropped"));
  EXPECT_LT(result.dump().size(), 100'000U);
}

TEST_F(BadGuestTest, NeverEndingIsAHangAfterItsTime) {
  const auto result = result_of("run = \"sleep 1000\"\ntimeout = \"1s\"\n");
  EXPECT_EQ(kind_of(result), "hang");
  EXPECT_THAT(result["failure"]["message"].get<std::string>(), HasSubstr("within 1"));
  EXPECT_LT(result["seconds"], 20.0);
}

TEST_F(BadGuestTest, IgnoringEverySignalIsAHangToo) {
  const auto result = result_of(
      "run = \"trap '' HUP INT TERM; while true; do sleep 100; done\"\ntimeout = \"1s\"\n");
  EXPECT_EQ(kind_of(result), "hang");
}

TEST_F(BadGuestTest, TheOptionTimeoutIsForEveryTest) {
  const auto done =
      test(project("[[test]]\nname = \"a\"\nrun = \"sleep 1000\"\n"), {"--timeout", "500ms"});
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_EQ(failure_of(done.report())["kind"], "hang") << done;
}

TEST_F(BadGuestTest, WhatRunsOnInTheBackgroundHoldsNobodyUp) {
  const auto result =
      result_of("run = \"sleep 1000 & sleep 1001 & echo begun\"\nstdout = \"begun\\n\"\n");
  EXPECT_EQ(result["verdict"], "pass") << result;
}

TEST_F(BadGuestTest, TheAgentSurvivesBeingKilled) {
  const auto result = result_of(
      "run = \"for s in KILL SEGV TERM STOP ABRT HUP; do kill -$s 1; done; echo alive\"\n"
      "stdout = \"alive\\n\"\n");
  EXPECT_EQ(result["verdict"], "pass") << result;
}

TEST_F(BadGuestTest, KillingEverybodyKillsOnlyTheTest) {
  const auto result = result_of("run = \"kill -KILL -1; sleep 100\"\ntimeout = \"2s\"\n");
  EXPECT_EQ(kind_of(result), "hang") << result;
}

TEST_F(BadGuestTest, APanicIsOne) {
  const auto result = result_of("run = \"echo c > /proc/sysrq-trigger; sleep 5\"\n");
  EXPECT_EQ(kind_of(result), "panic") << result;
  EXPECT_THAT(result["failure"]["message"].get<std::string>(), HasSubstr("sysrq triggered crash"));
}

TEST_F(BadGuestTest, PoweringOffIsTheMachineLost) {
  const auto result = result_of("run = \"poweroff -f; sleep 5\"\n");
  EXPECT_EQ(kind_of(result), "lost") << result;
  EXPECT_EQ(result["verdict"], "fail") << result;
  EXPECT_THAT(result["failure"]["message"].get<std::string>(),
              HasSubstr("powered the machine off"));
}

TEST_F(BadGuestTest, ARebootIsAPanic) {
  const auto result = result_of("run = \"reboot -f; sleep 5\"\n");
  EXPECT_EQ(kind_of(result), "panic") << result;
  EXPECT_THAT(result["failure"]["message"].get<std::string>(), HasSubstr("reset"));
}

TEST_F(BadGuestTest, AFullMemoryIsSurvived) {
  const auto result = result_of(
      "run = \"dd if=/dev/zero of=/tmp/fill bs=1M count=2000; rm /tmp/fill; echo alive\"\n"
      "timeout = \"60s\"\nstdout = \"alive\\n\"\n"
      "stderr = { contains = \"No space left on device\" }\n");
  EXPECT_EQ(result["verdict"], "pass") << result;
}

TEST_F(BadGuestTest, AFloodOfTheLogIsSurvived) {
  const auto result = result_of(
      "run = \"i=0; while [ $i -lt 20000 ]; do echo \\\"<3>flood $i\\\"; i=$((i+1)); done > "
      "/dev/kmsg\"\ntimeout = \"60s\"\n");
  EXPECT_EQ(result["verdict"], "pass") << result;
}

TEST_F(BadGuestTest, QemuKilledFromOutsideIsNotTheModulesFault) {
  auto running = start_sleeper();
  for (const auto machine : machines()) ASSERT_EQ(::kill(machine, SIGKILL), 0);
  const auto done = running.wait(60s);
  EXPECT_EQ(done.code(), 4) << done;
  const auto report = done.report();
  EXPECT_EQ(report["verdict"], "error") << done;
  const auto failure = failure_of(report);
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_EQ(failure["kind"], "environment");
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("killed by signal 9"));
  EXPECT_THAT(machines(), IsEmpty());
}

// Ctrl-Z and fg: by kobox's clock the limit has long passed when it goes on. Its machine is not
// stopped with it.
TEST_F(BadGuestTest, KoboxStoppedForLongerThanTheLimitIsNoHang) {
  auto running = start(test_arguments(project(fmt::format(
      "[[test]]\nname = \"a\"\nrun = \"\"\"{}; sleep 1\"\"\"\ntimeout = \"2s\"\n", k_say_begun))));
  wait_until_begun(running);
  ::kill(running.pid(), SIGSTOP);
  holds_within(6s, [] { return false; });
  ::kill(running.pid(), SIGCONT);
  const auto done = running.wait(60s);
  EXPECT_EQ(done.code(), 0) << done;
}

// The kernel itself needs more than this before it comes to its first program.
TEST_F(BadGuestTest, TooLittleMemoryToBootIsSaid) {
  const auto done = test(project("[limits]\nmemory = \"64M\"\nboot = \"60s\"\n", k_next));
  EXPECT_EQ(done.code(), 4) << done;
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_EQ(failure["kind"], "boot") << done;
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("ended while it booted")) << done;
  EXPECT_THAT(slurp(failure["console"].get<std::string>()), HasSubstr("out_of_memory")) << done;
}

}  // namespace
}  // namespace kobox::e2e
