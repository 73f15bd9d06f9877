// SPDX-License-Identifier: GPL-2.0-or-later
// What the module's functions left the guest for, or accessed, as rows for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trace/analysis.h"
#include "trace/symbols.h"

namespace kobox {

// "write port 0x3f8 (serial)"; "" where an exit had no target.
std::string to_string(const TraceAnalysis::Target& target);

struct Way {
  std::string what;     // the target or, for an exit that had none, its reason: "npf"
  std::string by;       // the function of the module; "" for others_of
  std::string through;  // the function outside of it that it had called; "": it did it itself
  std::uint64_t count = 0;
};
// "by dev_write through _printk" or "by dev_write, by itself"; "" without a function
std::string origin(const Way& way);

// The greatest count first. Single instructions are added up: a reader does not ask for them.
std::vector<Way> ways_of(const TraceAnalysis& analysis, const TraceSymbols& symbols);
// The same for what happened while no function of the module was active.
std::vector<Way> others_of(const TraceAnalysis& analysis);

}  // namespace kobox
