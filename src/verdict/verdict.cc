// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/verdict.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kobox {
namespace {

struct KindRow {
  FailureKind kind;
  std::string_view name;
  Verdict verdict;
};

// Precedence is the order of the rows: the least telling kind first. docs/report.md has the same
// order, and a test compares the two.
constexpr std::array k_kinds = {
    KindRow{FailureKind::environment, "environment", Verdict::error},
    // A machine that vanishes without output is the module's doing until shown otherwise: a triple
    // fault looks just so. One whose QEMU the host killed is of kind environment.
    KindRow{FailureKind::lost, "lost", Verdict::fail},
    KindRow{FailureKind::boot, "boot", Verdict::error},
    KindRow{FailureKind::assertion, "assertion", Verdict::fail},
    KindRow{FailureKind::hang, "hang", Verdict::fail},
    KindRow{FailureKind::leak, "leak", Verdict::fail},
    KindRow{FailureKind::unload, "unload", Verdict::fail},
    KindRow{FailureKind::load, "load", Verdict::fail},
    KindRow{FailureKind::build, "build", Verdict::fail},
    KindRow{FailureKind::panic, "panic", Verdict::fail},
    KindRow{FailureKind::lockup, "lockup", Verdict::fail},
    KindRow{FailureKind::warning, "warning", Verdict::fail},
    KindRow{FailureKind::sanitizer, "sanitizer", Verdict::fail},
    KindRow{FailureKind::oops, "oops", Verdict::fail},
};

constexpr auto k_rising = [] {
  std::array<FailureKind, k_kinds.size()> kinds = {};
  std::ranges::transform(k_kinds, kinds.begin(), &KindRow::kind);
  return kinds;
}();

const KindRow& row_of(FailureKind kind) {
  return *std::ranges::find(k_kinds, kind, &KindRow::kind);
}

// How much a verdict weighs beside others; Verdict's own order is that of the documentation.
int weight(Verdict verdict) {
  switch (verdict) {
    case Verdict::skip:
      return 0;
    case Verdict::pass:
      return 1;
    case Verdict::error:
      return 2;
    case Verdict::fail:
      return 3;
  }
  return 3;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::skip:
      return "skip";
    case Verdict::error:
      return "error";
  }
  return "error";
}

std::string_view to_string(FailureKind kind) { return row_of(kind).name; }

std::span<const FailureKind> failure_kinds() { return k_rising; }

Verdict verdict_of(FailureKind kind) { return row_of(kind).verdict; }

TestResult judged_test(std::string name, std::optional<Failure> failure) {
  TestResult result{.name = std::move(name)};
  if (failure) result.verdict = verdict_of(failure->kind);
  result.failure = std::move(failure);
  return result;
}

TestResult skipped_test(std::string name, std::string reason) {
  return {.name = std::move(name), .verdict = Verdict::skip, .skip_reason = std::move(reason)};
}

Verdict worse(Verdict a, Verdict b) { return weight(a) >= weight(b) ? a : b; }

bool more_telling(FailureKind a, FailureKind b) { return &row_of(a) > &row_of(b); }

void settle(RunResult& run) {
  run.verdict = Verdict::skip;
  if (run.failure) run.verdict = verdict_of(run.failure->kind);
  for (const auto& test : run.tests) run.verdict = worse(run.verdict, test.verdict);
}

void settle(Report& report) {
  report.verdict = Verdict::skip;
  for (const auto& run : report.runs) report.verdict = worse(report.verdict, run.verdict);
}

void name_tests(Report& report) {
  if (!report.project.empty() || report.shard.count > 1) return;
  std::vector<std::string> names;
  for (const auto& run : report.runs)
    for (const auto& test : run.tests)
      if (std::ranges::find(names, test.name) == names.end()) names.push_back(test.name);
  if (!names.empty()) report.tests = std::move(names);
}

}  // namespace kobox
