// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/interrupt.h"

#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace kobox {
namespace {

std::atomic<bool> g_interrupted = false;
std::atomic<void (*)()> g_before_forced_end = nullptr;

int event_fd() {
  static const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd;
}

void on_signal(int number) {
  if (g_interrupted.load()) {
    if (const auto restore = g_before_forced_end.load()) restore();
    ::_exit(128 + number);
  }
  interrupt();
}

}  // namespace

Result<> install_interrupt_handlers() {
  if (event_fd() < 0) return fail_errno("cannot make an event descriptor");
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int number : std::array{SIGINT, SIGTERM, SIGHUP}) {
    if (::sigaction(number, &action, nullptr) != 0)
      return fail_errno("cannot handle signal {}", number);
  }
  action.sa_handler = SIG_IGN;
  if (::sigaction(SIGPIPE, &action, nullptr) != 0) return fail_errno("cannot ignore SIGPIPE");
  return {};
}

void before_forced_end(void (*restore)()) { g_before_forced_end = restore; }

void interrupt() {
  g_interrupted = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_fd(), &one, sizeof one);
}

bool interrupted() { return g_interrupted.load(); }

int interrupt_fd() { return event_fd(); }

std::unexpected<Error> fail_interrupted() { return fail(ErrorKind::interrupted, "interrupted"); }

void reset_interrupt_for_testing() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(event_fd(), &count, sizeof count);
  g_interrupted = false;
}

}  // namespace kobox
