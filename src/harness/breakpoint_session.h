// SPDX-License-Identifier: GPL-2.0-or-later
// The conversation with GDB about a test's breakpoints.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "debug/gdb_client.h"
#include "harness/breakpoint_judge.h"
#include "project/project.h"

namespace kobox {

class BreakpointSession {
 public:
  // `seen` belongs to `specs`, one for one, and is filled in as hits come. Every wait ends at the
  // deadline. Errors of all calls: tool (GDB's own words, or its end), timeout, interrupted.
  BreakpointSession(EventLoop& loop, std::span<const BreakpointSpec> specs,
                    std::span<BreakpointSeen> seen, Deadline deadline)
      : loop_(loop), specs_(specs), seen_(seen), deadline_(deadline), first_(specs.size()) {}

  // Starts gdb, has it source the script, which connects it to a machine, and sets the breakpoints.
  // `locations`: of the specs, for GDB.
  Result<> connect(const std::filesystem::path& gdb, const std::filesystem::path& script,
                   std::span<const std::string> locations);
  // Lets the machine go on.
  Result<> go_on();
  // Serves every stop, until `should_end` holds while the machine runs.
  Result<> watch(std::function<bool()> should_end);

 private:
  // A breakpoint whose first hit is being followed by steps.
  struct Stepper {
    std::size_t index;
    std::string function;  // where it began
  };

  Result<> insert(const std::string& location);
  void take_notice(const MiAsync& notice);
  void take_breakpoint(const MiValue& breakpoint);
  Result<> serve(const MiTuple& stop);
  // Reads what the breakpoints that were just hit for the first time want to know.
  Result<> examine(const MiTuple& stop);
  Result<BreakpointSeen::Value> evaluate(const std::string& expression);
  Result<std::vector<CodePlace>> backtrace();

  Result<> step_through(const std::string& thread);
  // The next stop of the steppers' thread, from `command`; nothing if the test was over before.
  Result<std::optional<MiTuple>> advance(const std::string& command, const std::string& thread);
  void end_steppers(const std::string& why);
  // Notes the place; those who have what they want, or have left what they were in, end.
  void note_place(const CodePlace& place, const std::vector<CodePlace>& frames);
  // Breakpoints in functions without lines, into which GDB does not step.
  Result<> insert_step_breakpoints(const BreakpointSpec& spec, const std::string& thread);
  // Which kernel stack the processor is on: other tasks run through the same functions.
  Result<std::string> stack();
  Result<> remove_step_breakpoints();

  EventLoop& loop_;
  std::span<const BreakpointSpec> specs_;
  std::span<BreakpointSeen> seen_;
  Deadline deadline_;
  std::function<bool()> should_end_;
  std::unique_ptr<GdbClient> gdb_;
  std::vector<std::string> numbers_;  // GDB's, of the specs' breakpoints
  std::vector<bool> first_;           // its first hit was seen
  std::vector<Stepper> steppers_;
  std::vector<std::string> step_breakpoints_;  // GDB's numbers
};

}  // namespace kobox
