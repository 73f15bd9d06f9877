// SPDX-License-Identifier: GPL-2.0-or-later
// The one place where results and errors become exit codes. Scripts rely on these numbers.
#pragma once

#include <algorithm>

#include "base/result.h"
#include "verdict/verdict.h"

namespace kobox {

inline constexpr int k_exit_passed = 0;
inline constexpr int k_exit_failed = 1;       // a test failed
inline constexpr int k_exit_usage = 2;        // usage or configuration; nothing was run
inline constexpr int k_exit_build = 3;        // the module did not build
inline constexpr int k_exit_environment = 4;  // no QEMU, no disk space, cannot fetch
inline constexpr int k_exit_interrupted = 130;

inline int exit_code(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::usage:
      return k_exit_usage;
    case ErrorKind::interrupted:
      return k_exit_interrupted;
    default:
      return k_exit_environment;
  }
}

inline int exit_code(const Report& report) {
  if (report.interrupted) return k_exit_interrupted;
  const auto build = [](const RunResult& run) {
    return run.failure && run.failure->kind == FailureKind::build;
  };
  switch (report.verdict) {
    case Verdict::pass:
      return k_exit_passed;
    case Verdict::skip:
      return k_exit_usage;  // nothing run is not a pass
    case Verdict::error:
      return k_exit_environment;
    case Verdict::fail:
      break;
  }
  const bool only_builds = std::ranges::all_of(report.runs, [&](const RunResult& run) {
    return run.verdict != Verdict::fail || build(run);
  });
  return only_builds ? k_exit_build : k_exit_failed;
}

}  // namespace kobox
