// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/verdict.h"

namespace kobox {
namespace {

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

std::string_view to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::environment:
      return "environment";
    case FailureKind::lost:
      return "lost";
    case FailureKind::boot:
      return "boot";
    case FailureKind::assertion:
      return "assertion";
    case FailureKind::hang:
      return "hang";
    case FailureKind::leak:
      return "leak";
    case FailureKind::unload:
      return "unload";
    case FailureKind::load:
      return "load";
    case FailureKind::build:
      return "build";
    case FailureKind::panic:
      return "panic";
    case FailureKind::lockup:
      return "lockup";
    case FailureKind::warning:
      return "warning";
    case FailureKind::sanitizer:
      return "sanitizer";
    case FailureKind::oops:
      return "oops";
  }
  return "environment";
}

Verdict worse(Verdict a, Verdict b) { return weight(a) >= weight(b) ? a : b; }

bool more_telling(FailureKind a, FailureKind b) { return a > b; }

void settle(RunResult& run) {
  run.verdict = Verdict::skip;
  if (run.failure) run.verdict = verdict_of(run.failure->kind);
  for (const auto& test : run.tests) run.verdict = worse(run.verdict, test.verdict);
}

void settle(Report& report) {
  report.verdict = Verdict::skip;
  for (const auto& run : report.runs) report.verdict = worse(report.verdict, run.verdict);
}

Verdict verdict_of(FailureKind kind) {
  // A machine that vanishes without a word is the module's doing until shown otherwise: a triple
  // fault looks just so.
  return kind == FailureKind::environment || kind == FailureKind::boot ? Verdict::error
                                                                       : Verdict::fail;
}

}  // namespace kobox
