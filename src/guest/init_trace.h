// SPDX-License-Identifier: GPL-2.0-or-later
// Where an error of a module's init comes from, as the guest kernel's kprobe events see it
// (Documentation/trace/kprobetrace.rst).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guest/agent_client.h"

namespace kobox {

struct InitTraceSpec {
  std::string module;
  int error = 0;  // the value that is looked for, less than zero
  // Fetch arguments of an event at do_init_module, whose first argument is the struct module.
  std::vector<std::string> anchors;
  std::vector<std::string> callees;    // the kernel's functions; their returns of `error`
  std::vector<std::string> functions;  // the module's; the same
  struct Place {
    std::string function;
    std::uint64_t offset = 0;
  };
  std::vector<Place> moves;  // instructions of the module; that they ran
};

struct InitTrace {
  std::vector<std::uint64_t> anchors;  // those of the last module that came
  enum class Kind { callee, function, move };
  struct Event {
    Kind kind = Kind::callee;
    std::size_t index = 0;  // in the list of the spec
    // Where it returned to, or the instruction.
    std::uint64_t address = 0;
    // It was jumped to from a probed function, at that one's end, and returned in its place; the
    // address is then of no use.
    bool in_place = false;
  };
  std::vector<Event> events;  // of the task that loaded the module, in their order
};

// Sets the events up and lets them be recorded. Tells which callees cannot have one, by index. For
// a machine of its own: nothing is taken away again. Errors of both: as AgentClient's; tool, with
// the guest's words, if its kernel cannot.
Result<std::vector<std::size_t>> start_init_trace(AgentClient& agent, const InitTraceSpec& spec);
Result<InitTrace> read_init_trace(AgentClient& agent);

// The text of tracefs' trace file with these events. Lines that are not understood are left out.
InitTrace parse_init_trace(std::string_view text);

}  // namespace kobox
