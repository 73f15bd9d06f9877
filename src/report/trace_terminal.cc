// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "report/trace_render.h"
#include "trace/ways.h"

namespace kobox {
namespace {

// Pointers to a map's entries, the greatest first.
template <typename Map, typename Key>
std::vector<const typename Map::value_type*> by_size(const Map& map, const Key& key) {
  std::vector<const typename Map::value_type*> rows;
  for (const auto& entry : map) rows.push_back(&entry);
  std::ranges::stable_sort(rows, std::ranges::greater(),
                           [&](const auto* row) { return key(row->second); });
  return rows;
}

std::string microseconds(std::uint64_t ns) {
  return fmt::format("{:.1f} us", static_cast<double>(ns) / 1000);
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

class TerminalTrace {
 public:
  TerminalTrace(const TraceFacts& facts, const TraceAnalysis& analysis, const TraceSymbols& symbols)
      : facts_(facts), analysis_(analysis), symbols_(symbols), kvm_(facts.accel == "kvm") {}

  std::string text() {
    head();
    if (!analysis_.functions().empty()) functions();
    if (kvm_ && analysis_.exits().count() > 0) reasons();
    ways();
    targets();
    events();
    foot();
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...);
  }

  void head() {
    add("{} on {} ({})\n", printable(facts_.command), facts_.kernel, facts_.accel);
    add("{} {} in {}, {} of them while a function of {} was active\n", analysis_.exits().count(),
        kvm_ ? "VM exits" : "accesses to devices",
        microseconds(analysis_.last_ns() - analysis_.first_ns()), analysis_.module_exits(),
        facts_.module);
  }

  void functions() {
    add("\nfunctions of {}\n  {:<28} {:>7} {:>13} {:>12} {:>12} {:>9} {:>8}\n", facts_.module,
        "function", "calls", kvm_ ? "time in exits" : "instructions", "mean time", "longest",
        kvm_ ? "exits" : "accesses", "its own");
    for (const auto* row :
         by_size(analysis_.functions(), [](const auto& f) { return f.exits.count(); })) {
      const auto& f = row->second;
      const auto returned = std::max<std::uint64_t>(f.returned.count(), 1);
      add("  {:<28} {:>7} {:>13} {:>12} {:>12} {:>9} {:>8}\n", symbols_.name(row->first), f.calls,
          kvm_ ? microseconds(f.exits.sum()) : std::to_string(f.instructions / returned),
          microseconds(f.returned.mean()), microseconds(f.returned.longest()), f.exits.count(),
          f.own_exits);
    }
  }

  void reason_row(const std::string& name, const Durations& of) {
    add("  {:<28} {:>7} {:>7.1f} % {:>12} {:>12} {:>12}\n", name, of.count(),
        percent(of.count(), analysis_.exits().count()), microseconds(of.sum()),
        microseconds(of.mean()), microseconds(of.quantile(990)));
  }
  void reasons() {
    add("\nexits by reason\n  {:<28} {:>7} {:>9} {:>12} {:>12} {:>12}\n", "reason", "count",
        "share", "time", "mean", "p99");
    for (const auto* row : by_size(analysis_.reasons(), [](const auto& d) { return d.count(); }))
      reason_row(row->first, row->second);
    if (analysis_.module_exits() == 0) return;
    add("\nexits by function and reason\n");
    for (const auto* row : by_size(analysis_.crossed(), [](const auto& d) { return d.count(); }))
      if (row->first.first != 0)
        reason_row(fmt::format("{} {}", symbols_.name(row->first.first), row->first.second),
                   row->second);
  }

  void ways() {
    const auto ways = ways_of(analysis_, symbols_);
    if (ways.empty()) return;
    add("\nwhat {}\n", kvm_ ? "they were left for" : "they accessed");
    for (const auto& way : ways) add("  {:>7}  {:<44} {}\n", way.count, way.what, origin(way));
  }

  void targets() {
    if (analysis_.targets().empty()) return;
    add("\nall accesses\n");
    for (const auto* row : by_size(analysis_.targets(), [](const auto& d) { return d.count(); }))
      add("  {:>7}  {:>5.1f} %  {}\n", row->second.count(),
          percent(row->second.count(), analysis_.exits().count()), to_string(row->first));
  }

  void events() {
    if (!facts_.events.empty()) add("\nevents that were asked for\n");
    for (const auto& [name, count] : facts_.events) add("  {:>7}  {}\n", count, name);
    if (!facts_.not_recorded.empty())
      add("\nnot recorded: {}. These are tracepoints of KVM in the host's kernel.\n",
          fmt::join(facts_.not_recorded, ", "));
  }

  void foot() {
    if (!kvm_ && analysis_.exits().count() > 0)
      add("\nTCG has no VM exits. Under KVM each access here is one, counted as kvm_pio (ports) or "
          "kvm_mmio\n(memory); only those to the interrupt controllers, at 0xfec00000 and "
          "0xfee00000, KVM keeps to itself.\n");
    for (const auto& note : facts_.notes) add("\nnote: {}\n", note);
    if (facts_.lost > 0)
      add("\n{} events were lost, as the buffers were full: the numbers are too small. --buffer "
          "makes them larger.\n",
          facts_.lost);
    if (facts_.malformed > 0)
      add("\n{} lines of the recording could not be read\n", facts_.malformed);
    if (!facts_.ended_early.empty()) add("\nended early: {}\n", facts_.ended_early);
  }

  const TraceFacts& facts_;
  const TraceAnalysis& analysis_;
  const TraceSymbols& symbols_;
  bool kvm_;
  std::string text_;
};

}  // namespace

std::string render_trace_terminal(const TraceFacts& facts, const TraceAnalysis& analysis,
                                  const TraceSymbols& symbols) {
  return TerminalTrace(facts, analysis, symbols).text();
}

}  // namespace kobox
