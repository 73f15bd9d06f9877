// SPDX-License-Identifier: GPL-2.0-or-later
// A trace as the JSON value that its formats have in common.
#pragma once

#include <nlohmann/json.hpp>

#include "trace/analysis.h"
#include "trace/facts.h"
#include "trace/symbols.h"

namespace kobox {

nlohmann::ordered_json trace_json(const TraceFacts& facts, const TraceAnalysis& analysis,
                                  const TraceSymbols& symbols);

}  // namespace kobox
