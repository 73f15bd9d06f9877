// SPDX-License-Identifier: GPL-2.0-or-later
// The terminal as it was: in a child process that takes it and is ended in different ways. The
// test keeps the terminal's side that the child has, so that it shares the description with it.
#include "cli/raw_terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>

#include <csignal>
#include <thread>

#include "base/interrupt.h"
#include "cli/terminal.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t k_burst = std::size_t{1} << 20;

class RawTerminalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int master = -1;
    int slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    master_ = Fd(master);
    slave_ = Fd(slave);
    ::tcgetattr(slave, &before_);
    flags_ = ::fcntl(slave, F_GETFL);
  }
  // Runs this in a process whose terminal is the slave.
  pid_t run(void (*body)()) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setsid();
    ::ioctl(slave_.get(), TIOCSCTTY, 0);
    for (const int fd : {0, 1, 2}) ::dup2(slave_.get(), fd);
    master_.reset();
    slave_.reset();
    reset_interrupt_for_testing();
    [[maybe_unused]] const auto installed = install_interrupt_handlers();
    body();
    ::_exit(0);
  }
  // "" if nothing comes any more.
  std::string read_some() {
    pollfd ready = {master_.get(), POLLIN, 0};
    char buffer[4096];
    if (::poll(&ready, 1, 5000) <= 0) return "";
    const auto got = ::read(master_.get(), buffer, sizeof buffer);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }
  void expect_as_before() const {
    termios now = {};
    ::tcgetattr(slave_.get(), &now);
    EXPECT_EQ(now.c_lflag, before_.c_lflag);
    EXPECT_EQ(now.c_iflag, before_.c_iflag);
    EXPECT_EQ(now.c_oflag, before_.c_oflag);
    EXPECT_EQ(::fcntl(slave_.get(), F_GETFL), flags_);
  }
  static int end_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }

  Fd master_;
  Fd slave_;
  termios before_ = {};
  int flags_ = 0;
};

// As kobox shell does: the keys on a loop, and a burst to the terminal.
void burst() {
  auto output = Output::open_standard();
  const auto raw = RawTerminal::take();
  auto keys = RawTerminal::keys();
  EventLoop loop;
  const Channel channel(loop, std::move(*keys), [](std::string_view) {});
  loop.run_ready();
  output.write(std::string(k_burst, 'x'));
  output.write(output.check() ? "whole" : "short");
}

TEST_F(RawTerminalTest, ABurstArrivesAndNobodysDescriptionIsNonBlocking) {
  const auto child = run(burst);
  std::string seen = read_some();  // from here on the keys are read
  EXPECT_EQ(::fcntl(slave_.get(), F_GETFL), flags_) << "while it runs";
  for (std::string piece = seen; seen.size() < k_burst + 5 && !piece.empty();)
    seen += piece = read_some();
  std::string wanted(k_burst, 'x');
  wanted += "whole";
  EXPECT_TRUE(seen == wanted) << seen.size();
  EXPECT_EQ(end_of(child), 0);
  expect_as_before();
}

TEST_F(RawTerminalTest, AnInterruptEndsABurstThatNobodyReads) {
  const auto child = run(burst);
  EXPECT_EQ(read_some().substr(0, 1), "x");
  ::kill(child, SIGTERM);
  EXPECT_EQ(end_of(child), 0);
  expect_as_before();
}

TEST_F(RawTerminalTest, ASecondSignalGivesTheTerminalBackToo) {
  const auto child = run([] {
    const auto raw = RawTerminal::take();
    // What a loop makes of a description that could not be opened again.
    ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    ::kill(::getpid(), SIGTERM);
    ::kill(::getpid(), SIGTERM);
  });
  const int status = end_of(child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  expect_as_before();
}

TEST(ResizeWatchTest, CallsBackUntilItIsDestroyed) {
  EventLoop loop;
  int calls = 0;
  {
    const ResizeWatch watch(loop, [&](RawTerminal::Size) { ++calls; });
    for (int wanted = 1; wanted <= 2; ++wanted) {
      ::raise(SIGWINCH);
      ASSERT_TRUE(loop.wait_until([&] { return calls == wanted; }, Deadline::after(20s)));
    }
    ::raise(SIGWINCH);
  }
  loop.run_ready();
  EXPECT_EQ(calls, 2) << "its handler was due, and nobody is there any more";
}

}  // namespace
}  // namespace kobox
