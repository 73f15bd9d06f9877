// SPDX-License-Identifier: GPL-2.0-or-later
// One terminal for two programs: GDB, and a shell in the guest that GDB stops and lets go on.
//
// Keys go to whoever can use them: to GDB while the machine is stopped, to the guest while it
// runs. Ctrl-C is always GDB's, which stops the machine by it; Ctrl-] leaves.
#pragma once

#include <string>
#include <string_view>

#include <asio/steady_timer.hpp>

#include "base/child.h"
#include "base/result.h"
#include "cli/raw_terminal.h"
#include "cli/terminal.h"
#include "workbench/debug.h"

namespace kobox {

class SharedTerminal {
 public:
  SharedTerminal(DebugMachine& machine, Output& output);
  SharedTerminal(const SharedTerminal&) = delete;
  SharedTerminal& operator=(const SharedTerminal&) = delete;
  ~SharedTerminal();

  // Starts GDB, and the guest's work, which begins when GDB lets the machine go on. Returns when
  // GDB has ended or the user has left. Errors: timeout, interrupted, environment (no terminal).
  Result<ExitStatus> run(const CommandLine& gdb, Deadline deadline);

 private:
  Result<> start_gdb(const CommandLine& gdb);
  void take_keys(std::string_view bytes);
  // Gives the keys that wait to whom they belong, or looks again soon.
  void route();

  DebugMachine& machine_;
  Output& output_;
  EventLoop& loop_;
  std::optional<Child> gdb_;
  std::unique_ptr<Channel> gdb_terminal_;
  Fd gdb_master_;
  std::unique_ptr<Channel> keys_;
  std::string waiting_;  // keys
  bool left_ = false;
  bool ended_ = false;
  asio::steady_timer look_again_;
};

}  // namespace kobox
