// SPDX-License-Identifier: GPL-2.0-or-later
// A machine that GDB can connect to, and the script by which GDB does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/files.h"
#include "debug/symbol_file.h"
#include "guest/guest.h"
#include "harness/prepare.h"
#include "vm/gdb_relay.h"

namespace kobox {

class GdbTarget {
 public:
  struct Options {
    std::filesystem::path cache;
    std::vector<BuiltModule> modules = {};             // whose symbols GDB has
    std::vector<std::string> breakpoints = {};         // GDB locations
    std::optional<std::uint16_t> port = std::nullopt;  // of the loopback interface, instead of a
                                                       // private socket
  };

  // Has the machine's QEMU serve GDB, and listens for one; the machine runs until a debugger
  // connects, and is waited for from now on as one that a debugger may stop. Errors: environment
  // (no gdb; the port is taken; a kernel without kallsyms), and the guest's (tool, timeout).
  static Result<GdbTarget> open(Guest& guest, const Kernel& kernel, const Options& choice);

  // Lets debuggers through to QEMU while the loop runs. Call once.
  void relay(EventLoop& loop) {
    relay_ = std::make_unique<GdbRelay>(loop, std::move(listener_), directory_.path() / "qemu");
  }
  // Is a debugger connected?
  bool connected() const { return relay_ && relay_->connected(); }
  // The loop is about to go.
  void end_relay() { relay_.reset(); }

  // What to run; the arguments go behind kobox's own, and are the last word.
  CommandLine gdb(const std::vector<std::string>& arguments) const;
  // For other debuggers: what gdb sources, and what it connects to.
  const std::filesystem::path& setup_script() const { return setup_; }
  const std::string& server() const { return server_; }
  const std::filesystem::path& program() const { return gdb_; }

 private:
  GdbTarget(std::filesystem::path gdb, SymbolFile symbols, TempDir directory)
      : gdb_(std::move(gdb)), symbols_(std::move(symbols)), directory_(std::move(directory)) {}

  std::filesystem::path gdb_;
  SymbolFile symbols_;
  TempDir directory_;  // private, with a name that is short enough for a socket
  std::filesystem::path setup_;
  std::string server_;
  Fd listener_;
  std::unique_ptr<GdbRelay> relay_;
};

}  // namespace kobox
