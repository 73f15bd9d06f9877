// SPDX-License-Identifier: GPL-2.0-or-later
// The output formats, by the names that --format takes. A new one is a new row of the tables in
// formats.cc.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "report/render.h"
#include "trace/analysis.h"
#include "trace/facts.h"
#include "trace/symbols.h"

namespace kobox {

struct RenderOptions {
  Color color = Color::off;
  ConsoleOf console = {};
};

struct ReportFormat {
  std::string_view name;
  std::string (*render)(const Report& report, const RenderOptions& options);
};
// The first is the default, and for people.
std::span<const ReportFormat> report_formats();

// Writes one trace.
class TraceWriter {
 public:
  virtual ~TraceWriter() = default;
  // Does it want each event, by sink(), besides the analysis?
  virtual bool wants_events() const { return false; }
  // `symbols` must outlive the sink, and this.
  virtual TraceSink sink(const TraceSymbols& /*symbols*/) { return {}; }
  // The trace is over; nothing may come after.
  virtual void finish(const TraceFacts& facts, const TraceAnalysis& analysis,
                      const TraceSymbols& symbols) = 0;
};

struct TraceFormat {
  std::string_view name;
  // `write` gets the text in pieces.
  std::unique_ptr<TraceWriter> (*make)(std::function<void(std::string_view)> write);
};
std::span<const TraceFormat> trace_formats();

}  // namespace kobox
