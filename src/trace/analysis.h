// SPDX-License-Identifier: GPL-2.0-or-later
// What a recording says: which function of the module caused which exits, and for what.
//
// Takes events one by one, in memory that depends on how many different functions, reasons and
// addresses there are and not on how many events; of the time line it keeps the first part.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "trace/durations.h"
#include "trace/events.h"

namespace kobox {

class TraceAnalysis {
 public:
  // `kept`: how many calls, and how many exits, the time line keeps.
  TraceAnalysis() = default;
  explicit TraceAnalysis(std::size_t kept) : kept_(kept) {}

  void add(const CallBegin& call);
  void add(const CallEnd& end);
  void add(const Exit& exit);
  TraceSink sink();

  // Of one function of the module. Times and instructions are of calls that have returned, callees
  // and interrupts included.
  struct Function {
    std::uint64_t calls = 0;
    Durations returned;
    std::uint64_t instructions = 0;
    Durations exits;              // while it was the innermost of the module's
    std::uint64_t own_exits = 0;  // by its own instructions
  };
  // What an exit was for, in the order of the tables.
  struct Target {
    Exit::Space space = Exit::Space::none;
    std::uint64_t address = 0;
    std::string region;
    bool is_write = false;
    auto operator<=>(const Target&) const = default;
  };
  struct Path {
    std::uint64_t function = 0;  // of the module; 0: none was active
    std::uint64_t via = 0;       // what it had called; 0: its own doing
    std::uint64_t rip = 0;       // the instruction
    std::string reason;
    Target target;
    auto operator<=>(const Path&) const = default;
  };
  using FunctionAndReason = std::pair<std::uint64_t, std::string>;

  const std::map<std::uint64_t, Function>& functions() const { return functions_; }
  const std::map<std::string, Durations>& reasons() const { return reasons_; }
  // Function 0: no function of the module was active.
  const std::map<FunctionAndReason, Durations>& crossed() const { return crossed_; }
  const std::map<Target, Durations>& targets() const { return targets_; }
  const std::map<Path, std::uint64_t>& paths() const { return paths_; }
  const Durations& exits() const { return exits_; }
  std::uint64_t module_exits() const { return module_exits_; }
  std::uint64_t first_ns() const { return first_ns_; }
  std::uint64_t last_ns() const { return last_ns_; }

  // The time line.
  struct Call {
    std::uint64_t id, function, begin_ns, end_ns;  // end_ns 0: it did not return
    unsigned cpu, depth;                           // depth: calls of the module around it
  };
  struct Mark {
    Exit exit;
    std::uint64_t function;  // of the module; 0: none was active
  };
  const std::vector<Call>& calls() const { return calls_; }
  const std::vector<Mark>& marks() const { return marks_; }
  std::uint64_t calls_left_out() const { return all_calls_ - calls_.size(); }
  std::uint64_t marks_left_out() const { return exits_.count() - marks_.size(); }

 private:
  static constexpr std::size_t k_kept = 50'000;
  struct Open {
    std::uint64_t function, ns, instructions;
    unsigned cpu, depth;
    std::size_t line;  // in calls_; beyond its end: not there
  };
  void seen(std::uint64_t ns);

  std::size_t kept_ = k_kept;
  std::unordered_map<std::uint64_t, Open> open_;
  std::map<std::uint64_t, Function> functions_;
  std::map<std::string, Durations> reasons_;
  std::map<FunctionAndReason, Durations> crossed_;
  std::map<Target, Durations> targets_;
  std::map<Path, std::uint64_t> paths_;
  std::vector<Call> calls_;
  std::vector<Mark> marks_;
  Durations exits_;
  std::uint64_t all_calls_ = 0;
  std::uint64_t module_exits_ = 0;
  std::uint64_t first_ns_ = 0;
  std::uint64_t last_ns_ = 0;
};

}  // namespace kobox
