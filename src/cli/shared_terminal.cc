// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/shared_terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <utility>

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr char k_leave = 0x1d;      // Ctrl-]
constexpr char k_interrupt = 0x03;  // Ctrl-C
// A machine that GDB steps runs for a moment each time: what is typed then is GDB's.
constexpr Duration k_really_runs = 300ms;

winsize window() {
  const auto size = RawTerminal::size();
  winsize window = {};
  window.ws_row = static_cast<unsigned short>(size.rows);
  window.ws_col = static_cast<unsigned short>(size.columns);
  return window;
}

}  // namespace

SharedTerminal::SharedTerminal(DebugMachine& machine, Output& output)
    : machine_(machine),
      output_(output),
      loop_(machine.machine().loop()),
      look_again_(loop_.io()) {}

SharedTerminal::~SharedTerminal() {
  look_again_.cancel();
  loop_.run_ready();  // its handler knows this object
}

Result<> SharedTerminal::start_gdb(const CommandLine& command) {
  int master = -1;
  int slave = -1;
  const auto size = window();
  if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0)
    return fail_errno("cannot make a terminal for gdb");
  gdb_master_ = Fd(master);
  const Fd childs(slave);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  ::fcntl(slave, F_SETFD, FD_CLOEXEC);
  KOBOX_TRY(gdb_, Child::spawn(command, {.standard_input = slave,
                                         .standard_output = slave,
                                         .standard_error = slave,
                                         .others = {},
                                         .own_terminal = true}));
  gdb_terminal_ = std::make_unique<Channel>(loop_, Fd(::fcntl(master, F_DUPFD_CLOEXEC, 3)),
                                            [this](std::string_view text) { output_.write(text); });
  return {};
}

Result<ExitStatus> SharedTerminal::run(const CommandLine& gdb, Deadline deadline) {
  KOBOX_TRY(const auto raw, RawTerminal::take());
  const auto size = RawTerminal::size();
  const char* kind = std::getenv("TERM");
  machine_.start_work(
      {.rows = size.rows, .columns = size.columns, .kind = kind != nullptr ? kind : "linux"},
      [&output = output_](std::string_view text) { output.write(text); });
  KOBOX_CHECK(start_gdb(gdb));
  const ReadableOnce end(loop_, gdb_->pidfd(), [this] { ended_ = true; });
  KOBOX_TRY(auto keys, RawTerminal::keys());
  keys_ = std::make_unique<Channel>(loop_, std::move(keys),
                                    [this](std::string_view bytes) { take_keys(bytes); });
  const ResizeWatch resized(loop_, [this](RawTerminal::Size) {
    const auto now = window();
    ::ioctl(gdb_master_.get(), TIOCSWINSZ, &now);
    machine_.resize(now.ws_row, now.ws_col);
  });
  const auto waited = machine_.machine().guest().serve_until(
      [this] { return ended_ || left_ || keys_->ended(); }, deadline);
  loop_.run_ready();  // what was printed last
  if (!waited) return std::unexpected(waited.error());
  return gdb_->poll().value_or(ExitStatus{});
}

void SharedTerminal::take_keys(std::string_view bytes) {
  for (const char key : bytes) {
    if (key == k_leave) {
      left_ = true;
    } else if (key == k_interrupt) {
      waiting_.clear();
      gdb_terminal_->send(std::string(1, key));
    } else {
      waiting_ += key;
    }
  }
  route();
}

void SharedTerminal::route() {
  if (waiting_.empty()) return;
  const auto runs_for = machine_.runs_for();
  if (!runs_for) {
    gdb_terminal_->send(std::exchange(waiting_, {}));
  } else if (*runs_for >= k_really_runs) {
    machine_.send_keys(std::exchange(waiting_, {}));
  } else {
    look_again_.expires_after(k_really_runs - *runs_for);
    look_again_.async_wait([this](const asio::error_code& error) {
      if (!error) route();
    });
  }
}

}  // namespace kobox
