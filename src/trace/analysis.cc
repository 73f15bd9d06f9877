// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/analysis.h"

#include <algorithm>

namespace kobox {

void TraceAnalysis::seen(std::uint64_t ns) {
  if (ns == 0) return;
  if (first_ns_ == 0) first_ns_ = ns;
  last_ns_ = std::max(last_ns_, ns);
}

void TraceAnalysis::add(const CallBegin& call) {
  seen(call.ns);
  ++functions_[call.function].calls;
  open_[call.id] = {call.function, call.ns, call.instructions, call.cpu};
}

void TraceAnalysis::add(const CallEnd& end) {
  seen(end.ns);
  const auto found = open_.find(end.id);
  if (found == open_.end()) return;  // it began before the recording
  const auto& begin = found->second;
  auto& function = functions_[begin.function];
  const auto ns = end.ns - std::min(begin.ns, end.ns);
  ++function.returned;
  function.ns += ns;
  function.max_ns = std::max(function.max_ns, ns);
  // Each CPU counts for itself: a call that slept and went on elsewhere has no such number.
  if (begin.cpu == end.cpu)
    function.instructions += end.instructions - std::min(begin.instructions, end.instructions);
  open_.erase(found);
}

void TraceAnalysis::add(const DeviceAccess& access) {
  seen(access.ns);
  const Target target{.is_port = access.is_port,
                      .address = access.address,
                      .region = access.region,
                      .is_write = access.is_write};
  Path path{.via = access.via, .rip = access.rip, .target = target};
  if (const auto found = open_.find(access.call); found != open_.end()) {
    path.function = found->second.function;
    auto& function = functions_[path.function];
    ++function.accesses;
    if (access.via == 0) ++function.own_accesses;
    ++module_accesses_;
  }
  ++accesses_;
  ++targets_[target];
  ++paths_[path];
}

}  // namespace kobox
