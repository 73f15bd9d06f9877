// SPDX-License-Identifier: GPL-2.0-or-later
// Reads QEMU's log with the lines of kobox's plugin (plugin/trace.cc) and of QEMU's trace events
// memory_region_ops_read and _write (softmmu/trace-events in QEMU 7.2), and puts the two together.
//
// A device may be asked byte by byte for what one instruction reads or writes
// (access_with_adjusted_size in QEMU's softmmu/memory.c). Such parts are one access here, as they
// would be one exit.
//
// Under KVM there is no plugin, and QEMU sees only the exits that the host's kernel hands on to it:
// each begins with its trace event kvm_run_exit (accel/kvm/trace-events), and what it accesses
// follows. With -msg timestamp=on each line begins with the time: "1234@1700000000.123456:".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/line_splitter.h"
#include "trace/events.h"

namespace kobox {

class QemuLogReader {
 public:
  // `other` gets the lines of other trace events.
  explicit QemuLogReader(TraceSink sink, std::function<void(std::string_view)> other = {})
      : sink_(std::move(sink)), other_(std::move(other)) {}

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
    Instruction port;              // whose accesses the next are
    std::vector<Exit> to_ports;    // its accesses
    std::vector<Exit> waiting;     // for the line that says whose they were
    std::optional<Exit> from_kvm;  // an exit that the host's kernel has handed on
  };

  bool take_line(std::string_view line);
  bool take_plugins(std::string_view words);
  bool take_region(std::string_view words, bool is_write);
  bool take_kvm_exit(std::string_view words);
  void add_access(Cpu& cpu, Exit access);
  void hand_on(std::vector<Exit>& accesses, const Instruction& instruction);
  void hand_on(std::optional<Exit>& exit);

  TraceSink sink_;
  std::function<void(std::string_view)> other_;
  std::uint64_t line_ns_ = 0;  // from the line's own time
  LineSplitter lines_{4096};
  std::map<unsigned, Cpu> cpus_;
  std::uint64_t malformed_ = 0;
};

}  // namespace kobox
