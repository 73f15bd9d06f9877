// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/formats.h"

#include <array>

#include "report/trace_render.h"

namespace kobox {
namespace {

using Write = std::function<void(std::string_view)>;

using Options = RenderOptions;

constexpr std::array k_report_formats = {
    ReportFormat{"terminal",
                 [](const Report& report, const Options& options) {
                   return render_terminal(report, options.color);
                 }},
    ReportFormat{"json", [](const Report& report, const Options&) { return render_json(report); }},
    ReportFormat{"junit",
                 [](const Report& report, const Options&) { return render_junit(report); }},
    ReportFormat{"ktap", [](const Report& report, const Options&) { return render_ktap(report); }},
    ReportFormat{"html",
                 [](const Report& report, const Options& options) {
                   return render_html(report, options.console);
                 }},
    ReportFormat{"markdown",
                 [](const Report& report, const Options&) { return render_markdown(report); }},
};

// A text that is made at the end, of the analysis.
template <std::string (*Render)(const TraceFacts&, const TraceAnalysis&, const TraceSymbols&)>
class WholeTrace : public TraceWriter {
 public:
  explicit WholeTrace(Write write) : write_(std::move(write)) {}
  void finish(const TraceFacts& facts, const TraceAnalysis& analysis,
              const TraceSymbols& symbols) override {
    write_(Render(facts, analysis, symbols));
  }

 private:
  Write write_;
};

template <class Writer>
std::unique_ptr<TraceWriter> make(Write write) {
  return std::make_unique<Writer>(std::move(write));
}

constexpr std::array k_trace_formats = {
    TraceFormat{"terminal", make<WholeTrace<render_trace_terminal>>},
    TraceFormat{"json", make<WholeTrace<render_trace_json>>},
    TraceFormat{"html", make<WholeTrace<render_trace_html>>},
    TraceFormat{"perfetto", make<PerfettoWriter>},
};

}  // namespace

std::span<const ReportFormat> report_formats() { return k_report_formats; }
std::span<const TraceFormat> trace_formats() { return k_trace_formats; }

}  // namespace kobox
