// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/shard.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/text.h"

namespace kobox {
namespace {

// Of a test that took no time at all, such as one that is skipped; and the most that one is taken
// for, so that no sum can overflow.
constexpr std::uint64_t k_least_ms = 1;
constexpr std::uint64_t k_most_ms = 86'400'000;

// 0: no number.
int whole_number(std::string_view text) {
  const bool digits = !text.empty() && text.size() <= 6 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  int value = 0;
  for (const char c : digits ? text : "") value = value * 10 + (c - '0');
  return value;
}

using Pair = std::pair<std::string, std::string>;  // selector, test

// Where the run failed, or the test could not be judged, the time is not that of the test.
bool is_timed(const RunResult& run, const TestResult& test) {
  return !run.failure && test.verdict != Verdict::error;
}

// Milliseconds, whole numbers: sums of them are the same everywhere.
std::map<Pair, std::uint64_t> costs_in(const Report& times) {
  std::map<Pair, std::uint64_t> costs;
  for (const auto& run : times.runs) {
    for (const auto& test : run.tests) {
      if (!is_timed(run, test)) continue;
      const auto ms =
          static_cast<std::uint64_t>(std::llround(std::clamp(test.seconds, 0.0, 86'400.0) * 1000));
      costs[{run.selector, test.name}] = std::clamp(ms, k_least_ms, k_most_ms);
    }
  }
  return costs;
}

// Without a kobox.toml the one test that is asked for may become one for each module.
std::uint64_t cost_of_all(const std::map<Pair, std::uint64_t>& costs, const std::string& selector) {
  std::uint64_t sum = 0;
  for (const auto& [pair, cost] : costs)
    if (pair.first == selector) sum += cost;
  return sum;
}

// Of all pairs, kernel by kernel.
std::vector<std::uint64_t> costs_of(const std::vector<std::string>& selectors,
                                    const std::vector<TestSpec>& tests, const Report& times) {
  const auto known = costs_in(times);
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  std::vector<std::uint64_t> costs;
  for (const auto& selector : selectors) {
    for (const auto& test : tests) {
      const auto found = known.find({selector, test.name});
      if (found != known.end())
        costs.push_back(found->second);
      else
        costs.push_back(times.project.empty() && tests.size() == 1 ? cost_of_all(known, selector)
                                                                   : 0);
      sum += costs.back();
      count += costs.back() > 0 ? 1 : 0;
    }
  }
  std::ranges::replace(costs, std::uint64_t{0}, count > 0 ? std::max(sum / count, k_least_ms) : 1);
  return costs;
}

}  // namespace

bool has_times(const Report& report) {
  return std::ranges::any_of(report.runs, [](const RunResult& run) {
    return std::ranges::any_of(
        run.tests, [&](const TestResult& test) { return test.seconds > 0 && is_timed(run, test); });
  });
}

Result<Shard> parse_shard(std::string_view text) {
  const auto slash = text.find('/');
  const Shard shard = {.index = whole_number(text.substr(0, slash)),
                       .count = slash == text.npos ? 0 : whole_number(text.substr(slash + 1))};
  if (shard.count < 1 || shard.count > k_max_shards)
    return fail(ErrorKind::usage, "'{}' is no shard: write I/N, such as 2/5 for the second of five",
                printable(text));
  if (shard.index < 1 || shard.index > shard.count)
    return fail(ErrorKind::usage, "'{}': the shards of {} are 1/{} to {}/{}", printable(text),
                shard.count, shard.count, shard.count, shard.count);
  return shard;
}

std::vector<KernelPlan> plan_shard(const std::vector<std::string>& selectors,
                                   const std::vector<TestSpec>& tests, Shard shard,
                                   const Report& times) {
  const auto costs = costs_of(selectors, tests, times);
  const auto total = std::accumulate(costs.begin(), costs.end(), std::uint64_t{0});
  const auto count = static_cast<std::uint64_t>(shard.count);
  std::vector<KernelPlan> plan;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    // A pair belongs to the piece that its middle lies in.
    const auto piece = (2 * before + costs[i]) * count / (2 * total);
    before += costs[i];
    if (piece + 1 != static_cast<std::uint64_t>(shard.index)) continue;
    const auto kernel = i / tests.size();
    if (i % tests.size() == 0 || plan.empty() || plan.back().selector != selectors[kernel])
      plan.push_back({.selector = selectors[kernel], .tests = {}});
    plan.back().tests.push_back(tests[i % tests.size()]);
  }
  return plan;
}

}  // namespace kobox
