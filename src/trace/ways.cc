// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/ways.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"

namespace kobox {

std::string to_string(const TraceAnalysis::Target& target) {
  const auto* direction = target.is_write ? "write" : "read";
  const auto device =
      target.region.empty() ? std::string() : fmt::format(" ({})", printable(target.region));
  switch (target.space) {
    case Exit::Space::port:
      return fmt::format("{} port {:#x}{}", direction, target.address, device);
    case Exit::Space::memory:
      return fmt::format("{} memory {:#x}{}", direction, target.address, device);
    case Exit::Space::msr:
      return fmt::format("{} MSR {:#x}", direction, target.address);
    case Exit::Space::none:
      break;
  }
  return "";
}

namespace {

std::string target_or_reason(const TraceAnalysis::Path& path) {
  return path.target.space != Exit::Space::none ? to_string(path.target) : path.reason;
}

}  // namespace

std::string origin(const Way& way) {
  if (way.by.empty()) return "";
  return fmt::format("by {}{}", way.by,
                     way.through.empty() ? ", by itself" : " through " + way.through);
}

std::vector<Way> ways_of(const TraceAnalysis& analysis, const TraceSymbols& symbols) {
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::string>, std::uint64_t> counts;
  for (const auto& [path, count] : analysis.paths())
    if (path.function != 0) counts[{path.function, path.via, target_or_reason(path)}] += count;
  std::vector<Way> ways;
  for (const auto& [way, count] : counts) {
    const auto& [function, via, what] = way;
    ways.push_back({.what = what,
                    .by = symbols.name(function),
                    .through = via == 0 ? "" : symbols.name(via),
                    .count = count});
  }
  std::ranges::stable_sort(ways, std::ranges::greater(), &Way::count);
  return ways;
}

std::vector<Way> others_of(const TraceAnalysis& analysis) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [path, count] : analysis.paths())
    if (path.function == 0) counts[target_or_reason(path)] += count;
  std::vector<Way> others;
  for (const auto& [what, count] : counts)
    others.push_back({.what = what, .by = {}, .through = {}, .count = count});
  std::ranges::stable_sort(others, std::ranges::greater(), &Way::count);
  return others;
}

}  // namespace kobox
