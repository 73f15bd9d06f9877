// SPDX-License-Identifier: GPL-2.0-or-later
// Did a breakpoint see what kobox.toml expects? Pure: values in, a sentence or nothing out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "project/project.h"

namespace kobox {

// A place in the code, as GDB names it.
struct CodePlace {
  std::string function;  // "" if unknown
  std::string file;      // as in the DWARF; "" for code without
  int line = 0;          // 1-based; 0 for code without
};

// What came of one breakpoint during a test.
struct BreakpointSeen {
  bool has_place = false;  // GDB found the location in the module or the kernel
  int hits = 0;
  // At the first hit:
  struct Value {
    std::string text;   // what GDB prints
    std::string error;  // or why it cannot
  };
  std::vector<Value> values;         // of BreakpointSpec::expect, in its order
  std::vector<CodePlace> backtrace;  // innermost first
  std::vector<CodePlace> path;       // where stepping stood, in its order; the breakpoint first
  std::string path_end;              // why stepping ended before it came through everything
};

// The first expectation that is not met, as a sentence that names the breakpoint.
std::optional<std::string> judge_breakpoint(const BreakpointSpec& spec, const BreakpointSeen& seen);

// Is this a step that the specification names: a function, or file:line?
bool is_at(const CodePlace& place, const std::string& wanted);
// How many of `wanted` the path reaches, in this order.
std::size_t count_passed(const std::vector<CodePlace>& path,
                         const std::vector<std::string>& wanted);

}  // namespace kobox
