// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/exit_code.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(ExitCode, OfErrors) {
  const auto of = [](ErrorKind kind) { return exit_code(Error(kind, "x")); };
  EXPECT_EQ(of(ErrorKind::usage), 2);
  EXPECT_EQ(of(ErrorKind::environment), 4);
  EXPECT_EQ(of(ErrorKind::tool), 4);
  EXPECT_EQ(of(ErrorKind::timeout), 4);
  EXPECT_EQ(of(ErrorKind::protocol), 4);
  EXPECT_EQ(of(ErrorKind::internal), 4);
  EXPECT_EQ(of(ErrorKind::interrupted), 130);
}

TestResult test(Verdict verdict, std::optional<FailureKind> kind = {}) {
  TestResult result{.name = "x", .verdict = verdict};
  if (kind) result.failure = Failure{.kind = *kind};
  return result;
}
RunResult run_of(std::vector<TestResult> tests, std::optional<FailureKind> kind = {}) {
  RunResult run;
  run.tests = std::move(tests);
  if (kind) run.failure = Failure{.kind = *kind};
  settle(run);
  return run;
}
int code(std::vector<RunResult> runs) {
  Report report{.module = "m", .runs = std::move(runs)};
  settle(report);
  return exit_code(report);
}

const RunResult k_passed = run_of({test(Verdict::pass)});
const RunResult k_skipped = run_of({test(Verdict::skip)});
const RunResult k_failed = run_of({test(Verdict::pass), test(Verdict::fail, FailureKind::oops)});
const RunResult k_unbuilt = run_of({}, FailureKind::build);
const RunResult k_unloaded = run_of({}, FailureKind::load);
const RunResult k_lost = run_of({test(Verdict::error, FailureKind::environment)});

TEST(ExitCode, OfOneRun) {
  EXPECT_EQ(code({k_passed}), 0);
  EXPECT_EQ(code({k_failed}), 1);
  EXPECT_EQ(code({k_unloaded}), 1);
  EXPECT_EQ(code({k_unbuilt}), 3);
  EXPECT_EQ(code({run_of({}, FailureKind::environment)}), 4);
}

TEST(ExitCode, NothingRunIsNotAPass) {
  EXPECT_EQ(code({}), 2);
  EXPECT_EQ(code({run_of({})}), 2);
  EXPECT_EQ(code({k_skipped}), 2);
  EXPECT_EQ(code({k_skipped, k_skipped}), 2);
  EXPECT_EQ(code({k_skipped, k_passed}), 0);
}

TEST(ExitCode, OfSeveralRuns) {
  EXPECT_EQ(code({k_passed, k_failed}), 1);
  EXPECT_EQ(code({k_passed, k_unbuilt}), 3);
  EXPECT_EQ(code({k_skipped, k_unbuilt}), 3);
  EXPECT_EQ(code({k_unbuilt, k_unbuilt}), 3);
  EXPECT_EQ(code({k_unbuilt, k_failed}), 1);
  EXPECT_EQ(code({k_unbuilt, k_unloaded}), 1);
  EXPECT_EQ(code({k_lost, k_failed}), 1);
}

TEST(ExitCode, AnInterruptedRunIsToldFromAFailedOne) {
  Report report{.module = "m", .runs = {k_passed, k_failed}, .interrupted = true};
  settle(report);
  EXPECT_EQ(exit_code(report), 130);
}

TEST(ExitCode, EveryKindOfATestsFailure) {
  for (const auto kind : failure_kinds()) {
    if (kind == FailureKind::build) continue;  // never a test's
    const auto verdict = verdict_of(kind);
    EXPECT_EQ(code({run_of({test(verdict, kind)})}), verdict == Verdict::fail ? 1 : 4)
        << to_string(kind);
  }
}

}  // namespace
}  // namespace kobox
