// SPDX-License-Identifier: GPL-2.0-or-later
// A trace for people and for programs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "report/formats.h"
#include "trace/analysis.h"
#include "trace/facts.h"
#include "trace/symbols.h"

namespace kobox {

std::string render_trace_terminal(const TraceFacts& facts, const TraceAnalysis& analysis,
                                  const TraceSymbols& symbols);
// schema kobox.trace/1 (docs/tracing.md)
std::string render_trace_json(const TraceFacts& facts, const TraceAnalysis& analysis,
                              const TraceSymbols& symbols);
// One page that needs nothing else: the time line and the tables, made by its script from the JSON
// that it holds.
std::string render_trace_html(const TraceFacts& facts, const TraceAnalysis& analysis,
                              const TraceSymbols& symbols);

// Chrome's Trace Event Format in JSON, which the Perfetto UI opens
// (https://perfetto.dev/docs/faq, "How do I open Chrome JSON traces"): a track for each CPU, the
// module's calls as slices on it, exits as instants. Written event by event, in constant memory.
class PerfettoWriter : public TraceWriter {
 public:
  explicit PerfettoWriter(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

  bool wants_events() const override { return true; }
  TraceSink sink(const TraceSymbols& symbols) override;
  void finish(const TraceFacts& facts, const TraceAnalysis& analysis,
              const TraceSymbols& symbols) override;

 private:
  void add(std::string_view event);
  void begin_call(const CallBegin& call);
  void end_call(const CallEnd& end);
  void add_exit(const Exit& exit);
  double microseconds(std::uint64_t ns);

  struct OpenCall {
    std::uint64_t function;
    unsigned cpu;
    std::uint64_t ns;
  };
  std::function<void(std::string_view)> write_;
  const TraceSymbols* symbols_ = nullptr;
  std::unordered_map<std::uint64_t, OpenCall> open_;
  std::map<unsigned, bool> cpus_;
  std::uint64_t origin_ns_ = 0, last_ns_ = 0;
  bool first_ = true;
};

}  // namespace kobox
