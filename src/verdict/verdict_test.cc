// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/verdict.h"

#include <gtest/gtest.h>

#include <set>

namespace kobox {
namespace {

TEST(Verdict, FailBeatsErrorBeatsPassBeatsSkip) {
  const Verdict rising[] = {Verdict::skip, Verdict::pass, Verdict::error, Verdict::fail};
  for (std::size_t a = 0; a < 4; ++a)
    for (std::size_t b = 0; b < 4; ++b)
      EXPECT_EQ(worse(rising[a], rising[b]), rising[std::max(a, b)]);
}

TEST(Verdict, TheMostTellingKindIsTheOops) {
  EXPECT_TRUE(more_telling(FailureKind::oops, FailureKind::sanitizer));
  EXPECT_TRUE(more_telling(FailureKind::oops, FailureKind::panic));
  EXPECT_TRUE(more_telling(FailureKind::oops, FailureKind::hang));
  EXPECT_TRUE(more_telling(FailureKind::warning, FailureKind::lockup));
  EXPECT_TRUE(more_telling(FailureKind::assertion, FailureKind::lost));
  EXPECT_FALSE(more_telling(FailureKind::oops, FailureKind::oops));
}

TEST(Verdict, EveryKindHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(FailureKind::oops); ++i)
    names.insert(to_string(static_cast<FailureKind>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(FailureKind::oops) + 1);
  EXPECT_EQ(to_string(FailureKind::sanitizer), "sanitizer");
  EXPECT_EQ(to_string(Verdict::error), "error");
}

TEST(Verdict, OnlyTheHostAndTheBootAreNotTheModulesFault) {
  EXPECT_EQ(verdict_of(FailureKind::environment), Verdict::error);
  EXPECT_EQ(verdict_of(FailureKind::boot), Verdict::error);
  EXPECT_EQ(verdict_of(FailureKind::lost), Verdict::fail);
  EXPECT_EQ(verdict_of(FailureKind::build), Verdict::fail);
}

TEST(Verdict, SettlesFromTheTestsUp) {
  RunResult passed{.kernel = "6.1",
                   .tests = {{.name = "a"}, {.name = "b", .verdict = Verdict::skip}}};
  RunResult broken{.kernel = "6.12", .failure = Failure{.kind = FailureKind::boot}};
  Report report{.module = "m", .runs = {passed, broken}};
  for (auto& run : report.runs) settle(run);
  settle(report);
  EXPECT_EQ(report.runs[0].verdict, Verdict::pass);
  EXPECT_EQ(report.runs[1].verdict, Verdict::error);
  EXPECT_EQ(report.verdict, Verdict::error);

  report.runs[0].tests.push_back({.name = "c", .verdict = Verdict::fail});
  settle(report.runs[0]);
  settle(report);
  EXPECT_EQ(report.verdict, Verdict::fail);

  Report nothing;
  settle(nothing);
  EXPECT_EQ(nothing.verdict, Verdict::skip);
}

}  // namespace
}  // namespace kobox
