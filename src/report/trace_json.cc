// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/trace_json.h"

#include "report/trace_render.h"

namespace kobox {
namespace {

using nlohmann::ordered_json;

const char* name_of(Exit::Space space) {
  switch (space) {
    case Exit::Space::port:
      return "port";
    case Exit::Space::memory:
      return "memory";
    case Exit::Space::msr:
      return "msr";
    case Exit::Space::none:
      break;
  }
  return nullptr;
}

void add_target(ordered_json& row, Exit::Space space, std::uint64_t address,
                const std::string& region, bool is_write) {
  const auto* name = name_of(space);
  const bool is = name != nullptr;
  row["space"] = is ? ordered_json(name) : nullptr;
  row["address"] = is ? ordered_json(address) : nullptr;
  row["region"] = is && !region.empty() ? ordered_json(region) : nullptr;
  row["direction"] = is ? ordered_json(is_write ? "write" : "read") : nullptr;
}

void add_durations(ordered_json& row, const Durations& of) {
  row["count"] = of.count();
  row["ns"] = of.sum();
  row["mean_ns"] = of.mean();
  row["p99_ns"] = of.quantile(990);
  row["max_ns"] = of.longest();
}

class JsonTrace {
 public:
  JsonTrace(const TraceFacts& facts, const TraceAnalysis& analysis, const TraceSymbols& symbols)
      : facts_(facts), analysis_(analysis), symbols_(symbols) {}

  ordered_json report() const {
    const bool kvm = facts_.accel == "kvm";
    const std::string unit = kvm ? "exits" : "accesses";
    ordered_json report = {
        {"schema", "kobox.trace/1"},
        {"module", facts_.module},
        {"command", facts_.command},
        {"status", facts_.status},
        {"kernel", facts_.kernel},
        {"accel", facts_.accel},
        {"source", facts_.source},
        {"trouble",
         facts_.ended_early.empty() ? ordered_json(nullptr) : ordered_json(facts_.ended_early)},
        {"notes", facts_.notes},
        {"lost", facts_.lost},
        {"malformed", facts_.malformed},
        {"duration_ns", analysis_.last_ns() - analysis_.first_ns()}};
    report[unit] = analysis_.exits().count();
    report["module_" + unit] = analysis_.module_exits();
    report["events"] = facts_.events;
    report["tracepoints_not_recorded"] = facts_.not_recorded;
    report["functions"] = functions(unit);
    report["reasons"] = reasons();
    report["functions_and_reasons"] = crossed();
    report["targets"] = targets();
    report["paths"] = paths();
    report["timeline"] = timeline();
    return report;
  }

 private:
  // Null where no function of the module was active.
  ordered_json name(std::uint64_t address) const {
    return address != 0 ? ordered_json(symbols_.name(address)) : nullptr;
  }

  ordered_json functions(const std::string& unit) const {
    auto rows = ordered_json::array();
    for (const auto& [address, f] : analysis_.functions()) {
      ordered_json row = {{"name", symbols_.name(address)},
                          {"address", address},
                          {"calls", f.calls},
                          {"returned", f.returned.count()},
                          {"ns", f.returned.sum()},
                          {"max_ns", f.returned.longest()},
                          {"p99_ns", f.returned.quantile(990)},
                          {"instructions", f.instructions}};
      row[unit] = f.exits.count();
      row["own_" + unit] = f.own_exits;
      row[unit + "_ns"] = f.exits.sum();
      rows.push_back(std::move(row));
    }
    return rows;
  }

  ordered_json reasons() const {
    auto rows = ordered_json::array();
    for (const auto& [reason, of] : analysis_.reasons()) {
      ordered_json row = {{"reason", reason}};
      add_durations(row, of);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  ordered_json crossed() const {
    auto rows = ordered_json::array();
    for (const auto& [key, of] : analysis_.crossed()) {
      ordered_json row = {{"function", name(key.first)}, {"reason", key.second}};
      add_durations(row, of);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  ordered_json targets() const {
    auto rows = ordered_json::array();
    for (const auto& [target, of] : analysis_.targets()) {
      ordered_json row;
      add_target(row, target.space, target.address, target.region, target.is_write);
      add_durations(row, of);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  ordered_json paths() const {
    auto rows = ordered_json::array();
    for (const auto& [path, count] : analysis_.paths()) {
      ordered_json row = {{"count", count}, {"reason", path.reason}};
      row["function"] = name(path.function);
      row["via"] = name(path.via);
      row["at"] = name(path.rip);
      row["rip"] = path.rip;
      add_target(row, path.target.space, path.target.address, path.target.region,
                 path.target.is_write);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  // Times since the recording's first event.
  std::uint64_t since(std::uint64_t ns) const {
    return ns > analysis_.first_ns() ? ns - analysis_.first_ns() : 0;
  }

  ordered_json timeline() const {
    auto calls = ordered_json::array();
    for (const auto& call : analysis_.calls())
      calls.push_back({{"function", symbols_.name(call.function)},
                       {"cpu", call.cpu},
                       {"depth", call.depth},
                       {"begin_ns", since(call.begin_ns)},
                       {"end_ns", call.end_ns == 0 ? ordered_json(nullptr)
                                                   : ordered_json(since(call.end_ns))}});
    auto exits = ordered_json::array();
    for (const auto& [exit, function] : analysis_.marks()) {
      ordered_json row = {{"ns", since(exit.ns)},
                          {"duration_ns", exit.duration_ns},
                          {"cpu", exit.cpu},
                          {"reason", exit.reason},
                          {"function", name(function)},
                          {"via", name(function != 0 ? exit.via : 0)},
                          {"at", name(exit.rip)}};
      add_target(row, exit.space, exit.address, exit.region, exit.is_write);
      row["value"] = exit.value;
      exits.push_back(std::move(row));
    }
    return {{"calls", std::move(calls)},
            {"exits", std::move(exits)},
            {"calls_left_out", analysis_.calls_left_out()},
            {"exits_left_out", analysis_.marks_left_out()}};
  }

  const TraceFacts& facts_;
  const TraceAnalysis& analysis_;
  const TraceSymbols& symbols_;
};

}  // namespace

ordered_json trace_json(const TraceFacts& facts, const TraceAnalysis& analysis,
                        const TraceSymbols& symbols) {
  return JsonTrace(facts, analysis, symbols).report();
}

std::string render_trace_json(const TraceFacts& facts, const TraceAnalysis& analysis,
                              const TraceSymbols& symbols) {
  return trace_json(facts, analysis, symbols)
             .dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace kobox
