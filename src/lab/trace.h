// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox trace`: a command in a machine whose devices and module are watched.
#pragma once

#include <string>
#include <variant>

#include "lab/shell.h"
#include "trace/analysis.h"
#include "trace/events_file.h"
#include "trace/render.h"
#include "trace/symbols.h"

namespace kobox {

struct TraceOptions {
  ShellOptions shell;
  std::string command;                        // for the guest's shell, once the module is loaded
  ChosenEvents events = {};                   // further ones
  Duration limit = std::chrono::seconds(10);  // of the command
};

struct TraceReport {
  TraceFacts facts;
  TraceAnalysis analysis;
  TraceSymbols symbols;
};

// Records from the moment before the command starts until it has ended. A machine that dies
// meanwhile is no Error: the report has what was recorded, and says so.
Result<std::variant<TraceReport, Failure>> run_trace(const TraceOptions& options,
                                                     Progress& progress);

}  // namespace kobox
