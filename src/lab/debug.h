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

#include "base/child.h"
#include "base/files.h"
#include "debug/symbol_file.h"
#include "lab/shell.h"

namespace kobox {

struct DebugOptions {
  ShellOptions shell;
  std::vector<std::string> breakpoints;  // GDB locations
  std::string command;                   // for the guest's shell, once the module is loaded
  std::vector<std::string> programs;     // that it needs (TestSpec::programs)
  std::optional<std::uint16_t> port;     // on the loopback interface, instead of a private socket
};

// A machine that stands still with a GDB server, and the script that sets GDB up for it. When GDB
// lets it go on, the module is loaded and then the command run.
class DebugMachine {
 public:
  // Errors: environment (no gdb; the port is taken; a kernel without kallsyms).
  static Result<std::variant<std::unique_ptr<DebugMachine>, Failure>> open(
      const DebugOptions& options, Progress& progress);

  // What to run; `arguments` go behind kobox's own, and are the last word.
  CommandLine gdb(const std::vector<std::string>& arguments) const;
  // For other debuggers: what gdb sources, and what it connects to.
  const std::filesystem::path& setup_script() const { return setup_; }
  const std::string& server() const { return server_; }

  // Queues what the guest shall do once it may go on. Its output goes to the sink while the loop
  // runs.
  void start_work(std::function<void(std::string_view)> on_output);
  // The status of the command, once it has ended.
  std::optional<int> work_status();

  ShellMachine& machine() { return *machine_; }

 private:
  DebugMachine(const DebugOptions& options, std::unique_ptr<ShellMachine> machine, TempDir folder)
      : options_(options), machine_(std::move(machine)), folder_(std::move(folder)) {}
  Result<> set_up();
  Result<std::uint64_t> kernel_offset();

  DebugOptions options_;
  std::unique_ptr<ShellMachine> machine_;
  TempDir folder_;  // private, with a name that is short enough for a socket
  std::filesystem::path gdb_;
  std::optional<SymbolFile> symbols_;
  std::filesystem::path setup_;
  std::string server_;
  std::uint64_t terminal_ = 0;
};

}  // namespace kobox
