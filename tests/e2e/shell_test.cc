// SPDX-License-Identifier: GPL-2.0-or-later
// kobox shell: a script on standard input, and a terminal with somebody at it.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>

#include "kobox_test.h"
#include "terminal.h"

namespace kobox::e2e {
namespace {

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";

class ShellTest : public KoboxTest {
 protected:
  Arguments shell(const Arguments& more = {}) const {
    Arguments arguments = {"shell", k_exercise.string(), "--kernel", "6.1-cloud", "--accel", "tcg"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Finished script(const std::string& text, const Arguments& more = {}) {
    auto one = invocation(shell(more));
    one.input = text;
    return run(one);
  }
};

TEST_F(ShellTest, AScriptRunsAndItsOutputAndStatusComeThrough) {
  const auto done = script("cat /dev/qemu_exercise\n");
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.output, "Hello from QEMU!") << done;
  EXPECT_THAT(machines(), IsEmpty());

  const auto failed = script("echo to stderr >&2; echo hi; exit 7\n");
  EXPECT_EQ(failed.code(), 7) << failed;
  EXPECT_EQ(failed.output, "hi\n");
  EXPECT_THAT(failed.error, HasSubstr("to stderr"));
}

TEST_F(ShellTest, AScriptThatIsKilledOrTakesTooLong) {
  const auto killed = script("kill -9 $$\n");
  EXPECT_EQ(killed.code(), 137) << killed;
  const auto late = script("echo begun; sleep 1000\n", {"--timeout", "1s"});
  EXPECT_EQ(late.code(), 4) << late;
  EXPECT_THAT(late.error, HasSubstr("the script did not end within 1"));
  EXPECT_THAT(late.output, HasSubstr("begun")) << "what it printed is not lost";
}

TEST_F(ShellTest, WhatIsCollectedReplacesNothingOfTheUsers) {
  const auto out = directory_ / "out";
  spit(out / "thesis.tex", "years of work");
  const Arguments collect = {"--collect", "/root/result", "--collect-into", out.string()};
  const auto refused = script("echo 1 > /root/result\n", collect);
  EXPECT_EQ(refused.code(), 2) << refused;
  EXPECT_THAT(refused.error, HasSubstr("name another directory with --collect-into"));
  EXPECT_EQ(slurp(out / "thesis.tex"), "years of work");

  fs::remove(out / "thesis.tex");
  for (const std::string run : {"1\n", "2\n"}) {  // what kobox has collected it may replace
    const auto done =
        script("mkdir -p /root; echo " + run.substr(0, 1) + " > /root/result\n", collect);
    EXPECT_EQ(done.code(), 0) << done;
  }
  EXPECT_EQ(slurp(out / "root/result"), "2\n");
  // As a shell completes it.
  for (const std::string run : {"3\n", "4\n"})
    EXPECT_EQ(script("echo " + run.substr(0, 1) + " > /root/result\n",
                     {"--collect", "/root/result", "--collect-into", out.string() + "/"})
                  .code(),
              0);
  EXPECT_EQ(slurp(out / "root/result"), "4\n");
  spit(out / "analysis", "of the results");
  EXPECT_EQ(script("true\n", collect).code(), 2);
  EXPECT_EQ(slurp(out / "analysis"), "of the results");
}

TEST_F(ShellTest, WhatCannotBePutInOrCollectedIsSaid) {
  const auto no_such = script("true\n", {"--put", "/no/such/file"});
  EXPECT_EQ(no_such.code(), 2) << no_such;
  EXPECT_THAT(no_such.error, HasSubstr("--put '/no/such/file': there is no such file"));
  const auto off = script("echo 1 > /root/result; poweroff -f; sleep 10\n",
                          {"--collect", "/root/result", "--collect-into", directory_ / "off"});
  EXPECT_EQ(off.code(), 4) << off;
  EXPECT_THAT(off.error, HasSubstr("nothing was collected: the machine was off before")) << off;
}

TEST_F(ShellTest, AScriptThatPowersTheMachineOff) {
  const auto done = script("echo bye; poweroff -f; sleep 10\n");
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("powered the machine off")) << done;
}

TEST_F(ShellTest, TheExerciseByHand) {
  const auto done = script(slurp(source_directory() / "tools/exercise.sh"));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("# cat /dev/qemu_exercise\nHello from QEMU!"));
  EXPECT_THAT(done.output, HasSubstr("Received 12 characters from the user: Test message"));
}

class TerminalTest : public ShellTest {
 protected:
  // At the guest's prompt.
  void SetUp() override {
    terminal_.emplace(invocation(shell()));
    ASSERT_TRUE(terminal_->sees("Ctrl-] leaves", 120s)) << terminal_->seen();
    ASSERT_TRUE(terminal_->sees("# ")) << terminal_->seen();
    EXPECT_TRUE(terminal_->is_raw());
  }
  void expect_end(int status) {
    const auto ended = terminal_->end_within(20s);
    ASSERT_TRUE(ended.has_value()) << "kobox goes on: " << terminal_->seen();
    EXPECT_EQ(*ended, status) << terminal_->seen();
    EXPECT_TRUE(terminal_->has_its_settings_back());
    EXPECT_TRUE(machines_end_within(5s));
  }

  std::optional<Terminal> terminal_;
};

TEST_F(TerminalTest, WhatIsTypedRunsInTheGuest) {
  terminal_->type("cat /dev/qemu_exercise\r");
  EXPECT_TRUE(terminal_->sees("Hello from QEMU!")) << terminal_->seen();
  terminal_->type("tty; exit 5\r");
  EXPECT_TRUE(terminal_->sees("/dev/")) << terminal_->seen();
  expect_end(5);
}

TEST_F(TerminalTest, CtrlCInterruptsTheGuestsCommandAndNotKobox) {
  // Made of two words, so that the echo of what is typed is not taken for it.
  // And said by the job itself: the interactive shell loses a Ctrl-C while it forks.
  terminal_->type("sh -c \"echo nap 'begins'; sleep 100\"\r");
  ASSERT_TRUE(terminal_->sees("nap begins")) << terminal_->seen();
  terminal_->type("\x03");
  ASSERT_TRUE(terminal_->sees("# ", 20s)) << terminal_->seen();
  terminal_->type("echo still 'here'\r");
  EXPECT_TRUE(terminal_->sees("still here", 20s)) << terminal_->seen();
  terminal_->type("\x04");  // Ctrl-D: the end of the shell's input
  const auto ended = terminal_->end_within(20s);
  ASSERT_TRUE(ended.has_value()) << terminal_->seen();
  EXPECT_GE(*ended, 0);
}

TEST_F(TerminalTest, TheWindowsSizeIsTheGuests) {
  terminal_->type("stty size\r");
  EXPECT_TRUE(terminal_->sees("33 111")) << terminal_->seen();
  terminal_->resize(44, 99);
  // The new size takes its way through kobox and the agent: asked until it is there.
  const bool arrived = holds_within(20s, [&] {
    terminal_->type("stty size\r");
    return terminal_->sees("44 99", 1s);
  });
  EXPECT_TRUE(arrived) << terminal_->seen();
  terminal_->type("exit\r");
  expect_end(0);
}

TEST_F(TerminalTest, ABurstOfOutputArrivesWhole) {
  // More than a terminal holds by far, and this side reads in small pieces.
  terminal_->type("head -c 1000000 /dev/zero | tr '\\0' '@'; echo; echo the 'end'\r");
  ASSERT_TRUE(terminal_->sees("the end", 120s)) << terminal_->seen().substr(0, 2000);
  EXPECT_EQ(std::ranges::count(terminal_->seen(), '@'), 1000000 + 1) << "one was typed";
  terminal_->type("exit\r");
  expect_end(0);
}

TEST_F(TerminalTest, KilledAmidABurstItGivesTheTerminalBack) {
  terminal_->type("yes\r");
  ASSERT_TRUE(terminal_->sees("y\r\ny\r\n")) << terminal_->seen();
  terminal_->signal(SIGTERM);
  expect_end(130);
}

TEST_F(TerminalTest, CtrlBracketLeavesAndTheTerminalIsAsItWas) {
  terminal_->type("sleep 100\r");
  terminal_->type("\x1d");
  expect_end(0);
}

}  // namespace
}  // namespace kobox::e2e
