// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/analysis.h"

#include <algorithm>

namespace kobox {

TraceSink TraceAnalysis::sink() {
  return {.call = [this](const CallBegin& call) { add(call); },
          .end = [this](const CallEnd& end) { add(end); },
          .exit = [this](const Exit& exit) { add(exit); }};
}

void TraceAnalysis::seen(std::uint64_t ns) {
  if (ns == 0) return;
  if (first_ns_ == 0) first_ns_ = ns;
  last_ns_ = std::max(last_ns_, ns);
}

void TraceAnalysis::add(const CallBegin& call) {
  seen(call.ns);
  ++functions_[call.function].calls;
  ++all_calls_;
  const auto parent = open_.find(call.parent);
  const unsigned depth = parent == open_.end() ? 0 : parent->second.depth + 1;
  open_[call.id] = {call.function, call.ns, call.instructions, call.cpu, depth, calls_.size()};
  if (calls_.size() < kept_)
    calls_.push_back({call.id, call.function, call.ns, 0, call.cpu, depth});
}

void TraceAnalysis::add(const CallEnd& end) {
  seen(end.ns);
  const auto found = open_.find(end.id);
  if (found == open_.end()) return;  // it began before the recording
  const auto& begin = found->second;
  auto& function = functions_[begin.function];
  function.returned.add(end.ns - std::min(begin.ns, end.ns));
  // Each CPU counts for itself: a call that slept and went on elsewhere has no such number.
  if (begin.cpu == end.cpu)
    function.instructions += end.instructions - std::min(begin.instructions, end.instructions);
  if (begin.line < calls_.size() && calls_[begin.line].id == end.id)
    calls_[begin.line].end_ns = end.ns;
  open_.erase(found);
}

void TraceAnalysis::add(const Exit& exit) {
  seen(exit.ns);
  seen(exit.ns == 0 ? 0 : exit.ns + exit.duration_ns);
  std::uint64_t active = 0;
  if (const auto found = open_.find(exit.call); found != open_.end()) {
    active = found->second.function;
    auto& function = functions_[active];
    function.exits.add(exit.duration_ns);
    if (exit.via == 0) ++function.own_exits;
    ++module_exits_;
  }
  exits_.add(exit.duration_ns);
  reasons_[exit.reason].add(exit.duration_ns);
  crossed_[{active, exit.reason}].add(exit.duration_ns);
  const Target target{.space = exit.space,
                      .address = exit.address,
                      .region = exit.region,
                      .is_write = exit.is_write};
  if (exit.space != Exit::Space::none) targets_[target].add(exit.duration_ns);
  ++paths_[{.function = active,
            .via = active == 0 ? 0 : exit.via,
            .rip = exit.rip,
            .reason = exit.reason,
            .target = target}];
  if (marks_.size() < kept_) marks_.push_back({exit, active});
}

}  // namespace kobox
