// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/debug_server.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <optional>

#include <asio/signal_set.hpp>

#include "base/files.h"
#include "cli/raw_terminal.h"

namespace kobox {
namespace {

constexpr char k_leave = 0x1d;  // Ctrl-]
constexpr std::string_view k_head = "# Made by kobox debug --serve, for as long as it runs.\n";

// The script at the place that the user named, which leads to the private one.
class Script {
 public:
  static Result<Script> write(const fs::path& path, const fs::path& setup) {
    if (fs::exists(path)) {
      KOBOX_TRY(const auto old, read_file(path));
      if (!old.starts_with(k_head))
        return fail(ErrorKind::usage,
                    "{} is there already and is not kobox's: --serve writes a GDB script; name "
                    "another file",
                    path.string());
    }
    KOBOX_CHECK(write_file(path, fmt::format("{}source {}\n", k_head, setup.string())));
    return Script(path);
  }
  Script(Script&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Script& operator=(Script&&) = delete;
  ~Script() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }

 private:
  explicit Script(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// The user's terminal for the guest's shell.
class GuestTerminal {
 public:
  static Result<std::unique_ptr<GuestTerminal>> take(DebugMachine& machine) {
    KOBOX_TRY(auto raw, RawTerminal::take());
    return std::unique_ptr<GuestTerminal>(new GuestTerminal(machine, std::move(raw)));
  }
  ~GuestTerminal() {
    resized_.cancel();
    machine_.machine().loop().run_ready();  // its handler knows this object
  }
  GuestTerminal(const GuestTerminal&) = delete;
  GuestTerminal& operator=(const GuestTerminal&) = delete;

  bool left() const { return left_ || keys_.ended(); }

 private:
  GuestTerminal(DebugMachine& machine, RawTerminal raw)
      : machine_(machine),
        raw_(std::move(raw)),
        keys_(machine.machine().loop(), Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)),
              [this](std::string_view bytes) {
                const auto leave = bytes.find(k_leave);
                left_ = left_ || leave != std::string_view::npos;
                machine_.send_keys(bytes.substr(0, leave));
              }),
        resized_(machine.machine().loop().io(), SIGWINCH) {
    watch_size();
  }
  void watch_size() {
    resized_.async_wait([this](const asio::error_code& error, int) {
      if (error) return;
      const auto now = RawTerminal::size();
      machine_.resize(now.rows, now.columns);
      watch_size();
    });
  }

  DebugMachine& machine_;
  RawTerminal raw_;
  bool left_ = false;
  Channel keys_;
  asio::signal_set resized_;
};

DebugMachine::Terminal kind_of_terminal(bool by_hand) {
  if (!by_hand) return {};
  const auto size = RawTerminal::size();
  const char* kind = std::getenv("TERM");
  return {.rows = size.rows, .columns = size.columns, .kind = kind != nullptr ? kind : "linux"};
}

}  // namespace

Result<> serve_debugger(DebugMachine& machine, const fs::path& script, Deadline deadline,
                        Output& output) {
  const bool by_hand = ::isatty(STDIN_FILENO) == 1 && output.is_terminal();
  machine.start_work(kind_of_terminal(by_hand),
                     [&output](std::string_view text) { output.write(text); });
  KOBOX_TRY(const auto written, Script::write(script, machine.target().setup_script()));
  print_error(fmt::format("GDB may come: {} -x {}{}", machine.target().program().string(),
                          script.string(), by_hand ? "; Ctrl-] leaves" : ""));
  std::unique_ptr<GuestTerminal> terminal;
  if (by_hand) {
    KOBOX_TRY(terminal, GuestTerminal::take(machine));
  }
  auto& shell = machine.machine();
  bool came = false;
  bool went = false;
  const auto over = [&] {
    const bool connected = machine.target().connected();
    went = went || (came && !connected);
    came = came || connected;
    return went || (terminal && terminal->left()) || shell.machine().end();
  };
  KOBOX_CHECK(shell.guest().serve_until(over, deadline));
  const auto& end = shell.machine().end();
  // GDB's `kill` has QEMU exit by itself; that may be seen before GDB is seen to have gone.
  const bool killed_by_gdb =
      came && end && end->cause == MachineEnd::Cause::failed && end->status.success();
  if (!end || killed_by_gdb) return {};
  return fail(ErrorKind::tool, "{}", end->message);
}

}  // namespace kobox
