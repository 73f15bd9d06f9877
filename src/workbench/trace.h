// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox trace`: a command in a machine whose exits and module are watched.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "trace/analysis.h"
#include "trace/events_file.h"
#include "trace/facts.h"
#include "trace/symbols.h"
#include "workbench/shell.h"

namespace kobox {

struct TraceOptions {
  ShellOptions shell;
  std::string command;                        // for the guest's shell, once the module is loaded
  ChosenEvents events = {};                   // further ones
  Duration limit = std::chrono::seconds(10);  // of the command
  std::uint64_t buffer = std::uint64_t{8} << 20;  // bytes for each CPU's records, under KVM
  // Who is to have every event besides the analysis; called when the recording is read.
  std::function<TraceSink(const TraceSymbols&)> also = {};
};

struct TraceReport {
  TraceFacts facts;
  TraceAnalysis analysis;
  TraceSymbols symbols;
};

// Records from the moment before the command starts until it has ended. Under KVM that is done by
// the host's tracepoints or, where they may not be used, by QEMU alone, which the facts then say. A
// machine that dies meanwhile is no Error: the report has what was recorded, and says so.
Result<std::variant<TraceReport, Failure>> run_trace(const TraceOptions& options,
                                                     Progress& progress);

}  // namespace kobox
