// SPDX-License-Identifier: GPL-2.0-or-later
// A walk-through's traced steps: is the trace as the step says?
#pragma once

#include <optional>
#include <string>

#include "project/walkthrough.h"
#include "workbench/trace.h"

namespace kobox {

// What is missing from the trace, or must not be in it; nothing if it is as the step says.
std::optional<std::string> judge_trace(const TraceStep& step, const TraceReport& report);

}  // namespace kobox
