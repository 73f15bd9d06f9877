// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "report/trace_render.h"

namespace kobox {
namespace {

using nlohmann::ordered_json;

// All tracks are threads of one process: the machine.
constexpr int k_process = 1;

std::string dump(const ordered_json& event) {
  return event.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json naming(const char* what, unsigned thread, std::string name) {
  return {{"ph", "M"},
          {"name", what},
          {"pid", k_process},
          {"tid", thread},
          {"args", {{"name", std::move(name)}}}};
}

}  // namespace

TraceSink PerfettoWriter::sink(const TraceSymbols& symbols) {
  symbols_ = &symbols;
  write_("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
  return {.call = [this](const CallBegin& call) { begin_call(call); },
          .end = [this](const CallEnd& end) { end_call(end); },
          .exit = [this](const Exit& exit) { add_exit(exit); }};
}

void PerfettoWriter::add(std::string_view event) {
  write_(first_ ? "" : ",\n");
  write_(event);
  first_ = false;
}

// Since the first event, and with its fraction: the format's unit.
double PerfettoWriter::microseconds(std::uint64_t ns) {
  if (origin_ns_ == 0) origin_ns_ = ns;
  last_ns_ = std::max(last_ns_, ns);
  return static_cast<double>(static_cast<std::int64_t>(ns - origin_ns_)) / 1000;
}

void PerfettoWriter::begin_call(const CallBegin& call) {
  microseconds(call.ns);
  cpus_[call.cpu] = true;
  open_[call.id] = {call.function, call.cpu, call.ns};
}

void PerfettoWriter::end_call(const CallEnd& end) {
  const auto found = open_.find(end.id);
  if (found == open_.end()) return;
  const auto& call = found->second;
  const auto begin = microseconds(call.ns);
  add(dump({{"ph", "X"},
            {"name", symbols_->name(call.function)},
            {"cat", "call"},
            {"pid", k_process},
            {"tid", call.cpu},
            {"ts", begin},
            {"dur", std::max(0.0, microseconds(end.ns) - begin)}}));
  open_.erase(found);
}

void PerfettoWriter::add_exit(const Exit& exit) {
  cpus_[exit.cpu] = true;
  const auto called = open_.find(exit.call);
  ordered_json args = {{"at", symbols_->name(exit.rip)}};
  if (called != open_.end()) args["function"] = symbols_->name(called->second.function);
  if (called != open_.end() && exit.via != 0) args["through"] = symbols_->name(exit.via);
  if (exit.space != Exit::Space::none) {
    args["direction"] = exit.is_write ? "write" : "read";
    args[exit.space == Exit::Space::port     ? "port"
         : exit.space == Exit::Space::memory ? "memory"
                                             : "msr"] = fmt::format("{:#x}", exit.address);
    args["value"] = fmt::format("{:#x}", exit.value);
    if (!exit.region.empty()) args["device"] = exit.region;
  }
  if (exit.duration_ns != 0) args["duration_ns"] = exit.duration_ns;
  add(dump({{"ph", "i"},
            {"s", "t"},  // of its thread
            {"name", exit.reason},
            {"cat", "exit"},
            {"pid", k_process},
            {"tid", exit.cpu},
            {"ts", microseconds(exit.ns)},
            {"args", std::move(args)}}));
}

void PerfettoWriter::finish(const TraceFacts& facts, const TraceAnalysis& /*analysis*/,
                            const TraceSymbols& /*symbols*/) {
  for (auto& [id, call] : std::exchange(open_, {})) {  // that did not return
    open_[id] = call;
    end_call({.id = id, .cpu = call.cpu, .ns = last_ns_});
  }
  add(dump(naming("process_name", 0, fmt::format("{} ({})", facts.kernel, facts.accel))));
  for (const auto& [cpu, seen] : cpus_)
    add(dump(naming("thread_name", cpu, fmt::format("vCPU {}", cpu))));
  const ordered_json about = {{"module", facts.module},       {"command", facts.command},
                              {"kernel", facts.kernel},       {"accel", facts.accel},
                              {"source", facts.source},       {"lost", facts.lost},
                              {"trouble", facts.ended_early}, {"notes", facts.notes}};
  write_("\n],\"otherData\":" + dump(about) + "}\n");
}

}  // namespace kobox
