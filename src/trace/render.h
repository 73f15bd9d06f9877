// SPDX-License-Identifier: GPL-2.0-or-later
// A trace for people and for programs.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "trace/analysis.h"
#include "trace/symbols.h"

namespace kobox {

// What the numbers are of.
struct TraceFacts {
  std::string module;
  std::string command;
  int status = 0;  // of the command
  std::string kernel;
  std::string accel;
  std::string trouble;  // why the recording ended early; "": it did not
  // Events that were asked for: QEMU's, with how often they came; tracepoints of KVM.
  std::map<std::string, std::uint64_t> events;
  std::set<std::string> tracepoints;
  std::uint64_t malformed = 0;  // lines of the recording that could not be read
};

std::string render_trace_terminal(const TraceFacts& facts, const TraceAnalysis& analysis,
                                  const TraceSymbols& symbols);
// schema kobox.trace/1 (docs/tracing.md)
std::string render_trace_json(const TraceFacts& facts, const TraceAnalysis& analysis,
                              const TraceSymbols& symbols);

}  // namespace kobox
