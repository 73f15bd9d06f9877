// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/raw_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include <asio/signal_set.hpp>

#include "base/interrupt.h"
#include "cli/terminal.h"

namespace kobox {
namespace {

// What the terminal had before it was taken. Here, because a signal handler gives it back too.
struct Saved {
  termios settings = {};
  int flags = 0;
};
Saved g_saved;
std::atomic<bool> g_taken = false;

void give_back() {
  if (!g_taken.exchange(false)) return;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_saved.settings);
  ::fcntl(STDIN_FILENO, F_SETFL, g_saved.flags);
}

}  // namespace

Result<RawTerminal> RawTerminal::take() {
  g_saved.flags = ::fcntl(STDIN_FILENO, F_GETFL);
  if (g_saved.flags < 0 || ::tcgetattr(STDIN_FILENO, &g_saved.settings) != 0)
    return fail_errno("cannot use the terminal");
  g_taken = true;
  before_forced_end(give_back);
  RawTerminal terminal;
  termios raw = g_saved.settings;
  ::cfmakeraw(&raw);
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return fail_errno("cannot use the terminal");
  return terminal;
}

RawTerminal::~RawTerminal() {
  if (taken_) give_back();
}

Result<Fd> RawTerminal::keys() {
  auto keys = open_terminal_again(STDIN_FILENO, O_RDONLY);
  if (!keys) keys = Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!keys) return fail_errno("cannot use the terminal");
  return keys;
}

RawTerminal::Size RawTerminal::size() {
  winsize size = {};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
  return {size.ws_row, size.ws_col};
}

// Asio may hold a handler that is due when the watch is destroyed: the state that it looks at is
// its own, and then says that nobody wants to know any more.
struct ResizeWatch::State {
  State(EventLoop& loop, std::function<void(RawTerminal::Size)> on_resize)
      : signals(loop.io(), SIGWINCH), callback(std::move(on_resize)) {}

  static void wait(const std::shared_ptr<State>& self) {
    self->signals.async_wait([self](const asio::error_code& error, int) {
      if (error || !self->callback) return;
      self->callback(RawTerminal::size());
      wait(self);
    });
  }

  asio::signal_set signals;
  std::function<void(RawTerminal::Size)> callback;
};

ResizeWatch::ResizeWatch(EventLoop& loop, std::function<void(RawTerminal::Size)> on_resize)
    : state_(std::make_shared<State>(loop, std::move(on_resize))) {
  State::wait(state_);
}

ResizeWatch::~ResizeWatch() {
  state_->callback = nullptr;
  asio::error_code ignored;
  state_->signals.cancel(ignored);
}

}  // namespace kobox
