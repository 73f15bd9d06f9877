// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/walkthrough.h"

#include <algorithm>

#include "base/regex.h"
#include "trace/ways.h"

namespace kobox {
namespace {

bool has_returned(const TraceReport& report, const std::string& name) {
  return std::ranges::any_of(report.analysis.functions(), [&](const auto& entry) {
    const auto& [address, function] = entry;
    return function.returned.count() > 0 && report.symbols.name(address) == name;
  });
}

}  // namespace

std::optional<std::string> judge_trace(const TraceStep& step, const TraceReport& report) {
  if (!report.facts.ended_early.empty()) return report.facts.ended_early;
  for (const auto& function : step.returns)
    if (!has_returned(report, function)) return fmt::format("no call of {} was seen", function);

  auto ways = ways_of(report.analysis, report.symbols);
  for (auto& other : others_of(report.analysis)) ways.push_back(std::move(other));
  const auto find = [&](const std::string& pattern) {
    const auto regex = Regex::compile(pattern);  // checked when the file was read
    return std::ranges::find_if(ways, [&](const Way& way) {
      return regex && regex->search(way.by.empty() ? way.what : way.what + " " + origin(way));
    });
  };
  for (const auto& pattern : step.accesses)
    if (find(pattern) == ways.end()) return fmt::format("no access matches /{}/", pattern);
  for (const auto& pattern : step.no_accesses)
    if (const auto found = find(pattern); found != ways.end())
      return fmt::format("{} {}: {} accesses, where there must be none", found->what,
                         origin(*found), found->count);
  return std::nullopt;
}

}  // namespace kobox
