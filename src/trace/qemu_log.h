// SPDX-License-Identifier: GPL-2.0-or-later
// Reads QEMU's log with the lines of kobox's plugin (plugin/trace.cc) and of QEMU's trace events
// memory_region_ops_read and _write (softmmu/trace-events in QEMU 7.2), and puts the two together.
//
// A device may be asked byte by byte for what one instruction reads or writes
// (access_with_adjusted_size in QEMU's softmmu/memory.c). Such parts are one access here, as they
// would be one exit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "trace/events.h"

namespace kobox {

class QemuLogReader {
 public:
  struct Sink {
    std::function<void(const CallBegin&)> call;
    std::function<void(const CallEnd&)> end;
    std::function<void(const DeviceAccess&)> access;
    std::function<void(std::string_view)> other = {};  // a line of another trace event
  };
  explicit QemuLogReader(Sink sink) : sink_(std::move(sink)) {}

  // The bytes in pieces of any size; a line is taken when its end has come.
  void feed(std::string_view bytes);
  // What still waits for its instruction is handed on without one.
  void finish();

  std::uint64_t malformed() const { return malformed_; }  // lines

 private:
  struct Instruction {
    std::uint64_t ns = 0, rip = 0, call = 0, via = 0;
  };
  struct Cpu {
    bool in_port_instruction = false;
    Instruction port;                    // whose accesses the next are
    std::vector<DeviceAccess> to_ports;  // its accesses
    std::vector<DeviceAccess> waiting;   // for the line that says whose they were
  };

  bool take_line(std::string_view line);
  bool take_plugins(std::string_view words);
  bool take_region(std::string_view words, bool is_write);
  void hand_on(std::vector<DeviceAccess>& accesses, const Instruction& instruction);

  Sink sink_;
  std::string rest_;
  std::map<unsigned, Cpu> cpus_;
  std::uint64_t malformed_ = 0;
};

}  // namespace kobox
