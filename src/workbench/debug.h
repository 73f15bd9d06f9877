// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox debug`: GDB on a machine of the module's, before any of its code has run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/gdb_target.h"
#include "workbench/shell.h"

namespace kobox {

struct DebugOptions {
  ShellOptions shell;
  std::vector<std::string> breakpoints;  // GDB locations
  std::string command;                   // for the guest's shell, once the module is loaded
  std::vector<std::string> programs;     // that it needs (TestSpec::programs)
  std::optional<std::uint16_t> port;     // on the loopback interface, instead of a private socket
};

// A machine that is stopped with a GDB server, and the script that sets GDB up for it. When GDB
// lets it go on, the module is loaded and then the command run.
class DebugMachine {
 public:
  // Errors: environment (no gdb; the port is taken; a kernel without kallsyms).
  static Result<std::variant<std::unique_ptr<DebugMachine>, Failure>> open(
      const DebugOptions& options, Progress& progress);

  const GdbTarget& target() const { return *target_; }

  // Queues what the guest is to do once it may go on: load the module, then the command, on a
  // terminal of this size and kind (TERM). The output goes to the sink while the loop runs.
  struct Terminal {
    unsigned rows = 24, columns = 80;
    std::string kind = "dumb";
  };
  void start_work(const Terminal& terminal, std::function<void(std::string_view)> on_output);
  // For the command's terminal.
  void send_keys(std::string_view bytes);
  void resize(unsigned rows, unsigned columns);

  // For how long the machine has been running since a debugger let it go on; nothing while it
  // is stopped or no debugger is connected.
  std::optional<Duration> runs_for() const;
  // The status of the command, once it has ended.
  std::optional<int> work_status();

  ShellMachine& machine() { return *machine_; }

 private:
  DebugMachine(const DebugOptions& options, std::unique_ptr<ShellMachine> machine)
      : options_(options), machine_(std::move(machine)) {}

  DebugOptions options_;
  std::unique_ptr<ShellMachine> machine_;
  std::optional<GdbTarget> target_;
  std::uint64_t terminal_ = 0;
};

}  // namespace kobox
