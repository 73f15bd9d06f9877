// SPDX-License-Identifier: GPL-2.0-or-later
// A test's whole life in a machine: a fake QEMU with a fake agent in it.
#include "harness/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <thread>

#include "base/fd.h"
#include "fakes/fake_project.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::serves;

class SessionTest : public testing::FakeProject {
 protected:
  // What becomes of a test in a machine that reacts so. A machine that does not come up is an
  // outcome before the test.
  Session::Outcome outcome(const std::string& reactions) {
    qemu_.tcg_does(serves(reactions));
    const auto what = prepared();
    EventLoop loop;
    auto booted = Session::boot(loop, project_, what, options(), std::chrono::seconds(10));
    if (!booted) {
      ADD_FAILURE() << booted.error().to_string();
      return {};
    }
    if (auto* failure = std::get_if<Failure>(&*booted))
      return {.result = judged_test(test_.name, std::move(*failure))};
    std::shared_ptr<ReadableOnce> held;
    if (before_run_) held = before_run_(loop);
    auto ended =
        std::get<std::unique_ptr<Session>>(*booted)->run(test_, [this] { settled_ = true; });
    if (ended) return std::move(*ended);
    ADD_FAILURE() << ended.error().to_string();
    return {};
  }
  Failure failure(const std::string& reactions) {
    const auto ended = outcome(reactions);
    EXPECT_TRUE(ended.result.failure) << "it passed";
    return ended.result.failure.value_or(Failure{});
  }

  TestSpec test_ = {.name = "a test", .run = "run it"};
  bool settled_ = false;
  // What it gives lives until the test is over.
  std::function<std::shared_ptr<ReadableOnce>(EventLoop&)> before_run_;
};

TEST_F(SessionTest, ATestThatPasses) {
  const auto ended = outcome("on run reply {\"status\": 0}");
  EXPECT_EQ(ended.result.verdict, Verdict::pass);
  EXPECT_EQ(ended.result.name, "a test");
  EXPECT_EQ(ended.stage, Session::Stage::testing);
  EXPECT_TRUE(settled_);
}

TEST_F(SessionTest, AnExpectationThatIsNotMet) {
  const auto said = failure("on run reply {\"status\": 7}");
  EXPECT_EQ(said.kind, FailureKind::assertion);
  EXPECT_THAT(said.message, HasSubstr("7"));
  EXPECT_EQ(said.console, qemu_.directory() / "console.log");
}

TEST_F(SessionTest, ACommandThatDoesNotEnd) {
  EXPECT_EQ(failure("on run reply {\"timed_out\": true}").kind, FailureKind::hang);
}

// A loop that is held up in the midst of a wait, as by a host that is stopped: the kernel's clock,
// and the time limit, then say nothing of the module.
TEST_F(SessionTest, WhatTheClockSaysAfterTheHostWasStoppedIsNotTheModulesFault) {
  auto pipe = make_pipe().value();
  before_run_ = [&](EventLoop& loop) {
    EXPECT_EQ(::write(pipe.second.get(), "x", 1), 1);
    return std::make_shared<ReadableOnce>(
        loop, pipe.first.get(), [] { std::this_thread::sleep_for(std::chrono::seconds(3)); });
  };
  for (const auto* reaction :
       {"on run record 0 watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:77]",
        "on run reply {\"timed_out\": true}"}) {
    const auto said = failure(reaction);
    EXPECT_EQ(said.kind, FailureKind::environment) << reaction;
    EXPECT_THAT(said.message, HasSubstr("was stopped for 2.")) << reaction;
  }
  before_run_ = {};
  EXPECT_EQ(
      failure("on run record 0 watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:77]").kind,
      FailureKind::lockup);
}

TEST_F(SessionTest, AnOopsInTheLogBeatsTheCommandsStatus) {
  const auto said = failure(
      "on run record 1 BUG: kernel NULL pointer dereference, address: 0000000000000000;"
      "on run record 4 ---[ end trace 0000000000000000 ]---;on run reply {\"signal\": 9}");
  EXPECT_EQ(said.kind, FailureKind::oops);
  EXPECT_THAT(said.message, HasSubstr("NULL pointer dereference"));
}

// The agent could not pass it on any more.
TEST_F(SessionTest, AnOopsOnTheConsoleOfAMachineThatEnds) {
  const auto ended = outcome(
      "on run console [    1.000000] BUG: kernel NULL pointer dereference, address: "
      "0000000000000000;on run shutdown guest-reset;on run exit 0");
  ASSERT_TRUE(ended.result.failure);
  EXPECT_EQ(ended.result.failure->kind, FailureKind::oops);
  EXPECT_EQ(ended.result.verdict, Verdict::fail);
}

TEST_F(SessionTest, WhatIsLeftAfterTheUnload) {
  const auto said = failure("on new reply {\"entries\": [\"/dev/left\"]}");
  EXPECT_EQ(said.kind, FailureKind::leak);
  EXPECT_THAT(said.message, HasSubstr("/dev/left"));
}

TEST_F(SessionTest, AModuleThatIsRefusedIsTheRunsMatter) {
  const auto ended = outcome(
      "on load record 4 some: no such device;"
      "on load reply {\"ok\": false, \"errno\": 19, \"error\": \"No such device\"}");
  ASSERT_TRUE(ended.result.failure);
  EXPECT_EQ(ended.result.failure->kind, FailureKind::load);
  EXPECT_EQ(ended.stage, Session::Stage::loading);
  EXPECT_THAT(ended.result.failure->message, HasSubstr("No such device"));
  EXPECT_THAT(ended.result.failure->message, HasSubstr("some: no such device"));
}

const std::string k_no_device =
    R"(on load reply {"ok": false, "errno": 19, "error": "No such device"})";

TEST_F(SessionTest, ADriverWithoutItsDeviceIsSkippedWhereNobodyHasSaidWhatToExpect) {
  project_.has_file = false;
  const auto ended = outcome(k_no_device);
  EXPECT_EQ(ended.result.verdict, Verdict::skip);
  EXPECT_EQ(ended.stage, Session::Stage::testing);
  EXPECT_THAT(ended.result.skip_reason,
              AllOf(HasSubstr("loads, but finds no device"), HasSubstr("-ENODEV")));
  EXPECT_EQ(
      outcome(R"(on load reply {"ok": false, "errno": 22, "error": "Invalid"})").result.verdict,
      Verdict::fail);
}

TEST_F(SessionTest, AnInitThatFindsNoDeviceMustNotLeaveAnything) {
  project_.has_file = false;
  const auto said = failure(k_no_device + ";" + R"(on new reply {"entries": ["/dev/left"]})");
  EXPECT_EQ(said.kind, FailureKind::leak);
  EXPECT_THAT(said.message, HasSubstr("/dev/left"));
}

// What a test could not bring out is one finding; the other is worse.
TEST_F(SessionTest, AFindingBeforeTheUnloadKeepsNoModuleLoaded) {
  test_.collect = {"/var/log/x"};
  const auto said = failure(R"(on run:/var/log/x reply {"status": 3})"
                            ";"
                            R"(on new reply {"entries": ["/dev/left"]})");
  EXPECT_EQ(said.kind, FailureKind::leak);
}

TEST_F(SessionTest, ALeakStaysOneWhereNobodyTellsWhoHoldsTheModule) {
  for (const auto* end : {"hello 99", "shutdown guest-shutdown;on users exit 0"}) {
    const auto said = failure(
        std::string(R"(on unload reply {"ok": false, "errno": 11, "error": "busy"};on users )") +
        end);
    EXPECT_EQ(said.kind, FailureKind::leak) << end;
    EXPECT_THAT(said.message, HasSubstr("a reference to some is still held")) << end;
  }
}

TEST_F(SessionTest, AnErrorOfInitsMayBeWhatIsExpected) {
  project_.expect_load = ENODEV;
  EXPECT_EQ(outcome(k_no_device).result.verdict, Verdict::pass);
  EXPECT_THAT(failure("on run reply {\"status\": 0}").message,
              HasSubstr("was loaded, but [module] expect_load is ENODEV"));
  EXPECT_THAT(failure(R"(on load reply {"ok": false, "errno": 22, "error": "Invalid"})").message,
              AllOf(HasSubstr("-EINVAL"), HasSubstr("expect_load is ENODEV")));
}

TEST_F(SessionTest, AModuleThatCannotBeRemoved) {
  EXPECT_EQ(failure("on unload reply {\"ok\": false, \"errno\": 16, \"error\": \"busy\"}").kind,
            FailureKind::unload);
}

TEST_F(SessionTest, AMachineThatPowersOffIsLost) {
  const auto ended = outcome("on run shutdown guest-shutdown;on run exit 0");
  ASSERT_TRUE(ended.result.failure);
  EXPECT_EQ(ended.result.failure->kind, FailureKind::lost);
  EXPECT_EQ(ended.result.verdict, Verdict::fail);
}

TEST_F(SessionTest, AMachineThatResetsHasPanicked) {
  EXPECT_EQ(failure("on run shutdown guest-reset;on run exit 0").kind, FailureKind::panic);
}

TEST_F(SessionTest, AnAgentThatBreaksTheProtocolIsLost) {
  EXPECT_EQ(failure("on run hello 99").kind, FailureKind::lost);
}

// Wherever in a test's life it happens, it is not the module's fault.
class KilledTest : public SessionTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledTest, AQemuThatTheHostKillsIsTheHostsFault) {
  for (const auto* end : {"kill 9", "exit 1"}) {
    const auto ended = outcome(fmt::format("on {} {}", GetParam(), end));
    ASSERT_TRUE(ended.result.failure) << end;
    EXPECT_EQ(ended.result.failure->kind, FailureKind::environment) << end;
    EXPECT_EQ(ended.result.verdict, Verdict::error) << end;
    EXPECT_THAT(ended.result.failure->message, HasSubstr("QEMU")) << end;
  }
}

INSTANTIATE_TEST_SUITE_P(At, KilledTest,
                         ::testing::Values("configure", "put", "mark", "load", "run", "unload",
                                           "new"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace kobox
