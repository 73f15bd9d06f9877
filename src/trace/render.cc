// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace kobox {
namespace {

using nlohmann::ordered_json;

std::string shown(const TraceAnalysis::Target& target) {
  return fmt::format("{} {} {:#x} ({})", target.is_write ? "write" : "read",
                     target.is_port ? "port" : "memory", target.address, target.region);
}

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

// Paths without the single instruction: what a reader asks for.
using Way = std::tuple<std::uint64_t, std::uint64_t, TraceAnalysis::Target>;
std::map<Way, std::uint64_t> ways_of(const TraceAnalysis& analysis) {
  std::map<Way, std::uint64_t> ways;
  for (const auto& [path, count] : analysis.paths())
    if (path.function != 0) ways[{path.function, path.via, path.target}] += count;
  return ways;
}

std::string functions_table(const TraceAnalysis& analysis, const TraceSymbols& symbols) {
  auto text = fmt::format("  {:<28} {:>7} {:>13} {:>12} {:>12} {:>9} {:>8}\n", "function", "calls",
                          "instructions", "mean time", "longest", "accesses", "its own");
  for (const auto* row : by_size(analysis.functions(), [](const auto& f) { return f.accesses; })) {
    const auto& f = row->second;
    const auto returned = std::max<std::uint64_t>(f.returned, 1);
    text +=
        fmt::format("  {:<28} {:>7} {:>13} {:>12} {:>12} {:>9} {:>8}\n", symbols.name(row->first),
                    f.calls, f.instructions / returned, microseconds(f.ns / returned),
                    microseconds(f.max_ns), f.accesses, f.own_accesses);
  }
  return text;
}

ordered_json target_json(const TraceAnalysis::Target& target) {
  return {{"space", target.is_port ? "port" : "memory"},
          {"address", target.address},
          {"region", target.region},
          {"direction", target.is_write ? "write" : "read"}};
}

}  // namespace

std::string render_trace_terminal(const TraceFacts& facts, const TraceAnalysis& analysis,
                                  const TraceSymbols& symbols) {
  auto text = fmt::format(
      "{} on {} ({})\n{} accesses to devices in {}, {} of them while a function of {} was active\n",
      printable(facts.command), facts.kernel, facts.accel, analysis.accesses(),
      microseconds(analysis.last_ns() - analysis.first_ns()), analysis.module_accesses(),
      facts.module);
  if (!analysis.functions().empty())
    text += fmt::format("\nfunctions of {}\n{}", facts.module, functions_table(analysis, symbols));
  const auto ways = ways_of(analysis);
  if (!ways.empty()) text += "\nwhat they accessed\n";
  for (const auto* row : by_size(ways, [](auto count) { return count; })) {
    const auto& [function, via, target] = row->first;
    text += fmt::format("  {:>7}  {:<44} by {}{}\n", row->second, printable(shown(target)),
                        symbols.name(function),
                        via != 0 ? " through " + symbols.name(via) : ", by itself");
  }
  if (!analysis.targets().empty()) text += "\nall accesses\n";
  for (const auto* row : by_size(analysis.targets(), [](auto count) { return count; }))
    text += fmt::format(
        "  {:>7}  {:>5.1f} %  {}\n", row->second,
        100.0 * static_cast<double>(row->second) / static_cast<double>(analysis.accesses()),
        printable(shown(row->first)));
  if (!facts.events.empty()) text += "\nevents of QEMU's\n";
  for (const auto& [name, count] : facts.events) text += fmt::format("  {:>7}  {}\n", count, name);
  if (!facts.tracepoints.empty())
    text += fmt::format("\nnot recorded: {}. These are tracepoints of KVM in the host's kernel.\n",
                        fmt::join(facts.tracepoints, ", "));
  if (facts.accel == "tcg" && analysis.accesses() > 0)
    text +=
        "\nTCG has no VM exits. Under KVM each access here is one, counted as kvm_pio (ports) or "
        "kvm_mmio\n(memory); only those to the interrupt controllers, at 0xfec00000 and "
        "0xfee00000, "
        "KVM keeps to itself.\n";
  if (facts.malformed > 0)
    text += fmt::format("\n{} lines of the recording could not be read\n", facts.malformed);
  if (!facts.trouble.empty()) text += fmt::format("\nended early: {}\n", facts.trouble);
  return text;
}

std::string render_trace_json(const TraceFacts& facts, const TraceAnalysis& analysis,
                              const TraceSymbols& symbols) {
  auto functions = ordered_json::array();
  for (const auto& [address, f] : analysis.functions())
    functions.push_back({{"name", symbols.name(address)},
                         {"address", address},
                         {"calls", f.calls},
                         {"returned", f.returned},
                         {"ns", f.ns},
                         {"max_ns", f.max_ns},
                         {"instructions", f.instructions},
                         {"accesses", f.accesses},
                         {"own_accesses", f.own_accesses}});
  auto paths = ordered_json::array();
  for (const auto& [path, count] : analysis.paths()) {
    ordered_json row = {{"count", count}};
    row["function"] = path.function != 0 ? ordered_json(symbols.name(path.function)) : nullptr;
    row["via"] = path.via != 0 ? ordered_json(symbols.name(path.via)) : nullptr;
    row["at"] = path.rip != 0 ? ordered_json(symbols.name(path.rip)) : nullptr;
    row["rip"] = path.rip;
    row.update(target_json(path.target));
    paths.push_back(std::move(row));
  }
  const ordered_json report = {
      {"schema", "kobox.trace/1"},
      {"module", facts.module},
      {"command", facts.command},
      {"status", facts.status},
      {"kernel", facts.kernel},
      {"accel", facts.accel},
      {"trouble", facts.trouble.empty() ? ordered_json(nullptr) : ordered_json(facts.trouble)},
      {"malformed", facts.malformed},
      {"duration_ns", analysis.last_ns() - analysis.first_ns()},
      {"accesses", analysis.accesses()},
      {"module_accesses", analysis.module_accesses()},
      {"events", facts.events},
      {"tracepoints_not_recorded", facts.tracepoints},
      {"functions", functions},
      {"paths", paths}};
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace kobox
