// SPDX-License-Identifier: GPL-2.0-or-later
// What a recording says: which function of the module caused which accesses to which device.
//
// Takes events one by one, in memory that depends on how many different functions and addresses
// there are and not on how many events.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "trace/events.h"

namespace kobox {

class TraceAnalysis {
 public:
  void add(const CallBegin& call);
  void add(const CallEnd& end);
  void add(const DeviceAccess& access);

  // Of one function of the module. Times and instructions are of calls that have returned, callees
  // and interrupts included.
  struct Function {
    std::uint64_t calls = 0;
    std::uint64_t returned = 0;
    std::uint64_t ns = 0;
    std::uint64_t max_ns = 0;
    std::uint64_t instructions = 0;
    std::uint64_t accesses = 0;      // while it was the innermost of the module's
    std::uint64_t own_accesses = 0;  // by its own instructions
  };
  // Where an access went, in the order of the tables.
  struct Target {
    bool is_port = false;
    std::uint64_t address = 0;
    std::string region;
    bool is_write = false;
    auto operator<=>(const Target&) const = default;
  };
  struct Path {
    std::uint64_t function = 0;  // of the module; 0: none was active
    std::uint64_t via = 0;       // what it had called; 0: its own access
    std::uint64_t rip = 0;       // the instruction
    Target target;
    auto operator<=>(const Path&) const = default;
  };

  const std::map<std::uint64_t, Function>& functions() const { return functions_; }
  const std::map<Target, std::uint64_t>& targets() const { return targets_; }
  const std::map<Path, std::uint64_t>& paths() const { return paths_; }
  std::uint64_t accesses() const { return accesses_; }
  std::uint64_t module_accesses() const { return module_accesses_; }
  std::uint64_t first_ns() const { return first_ns_; }
  std::uint64_t last_ns() const { return last_ns_; }

 private:
  struct Open {
    std::uint64_t function, ns, instructions;
    unsigned cpu;
  };
  void seen(std::uint64_t ns);

  std::unordered_map<std::uint64_t, Open> open_;
  std::map<std::uint64_t, Function> functions_;
  std::map<Target, std::uint64_t> targets_;
  std::map<Path, std::uint64_t> paths_;
  std::uint64_t accesses_ = 0;
  std::uint64_t module_accesses_ = 0;
  std::uint64_t first_ns_ = 0;
  std::uint64_t last_ns_ = 0;
};

}  // namespace kobox
