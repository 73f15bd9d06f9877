// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/verdict.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

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

// The list is closed (docs/report.md).
TEST(Verdict, EveryKindHasItsRow) {
  std::set<std::string_view> names;
  for (const auto kind : failure_kinds()) names.insert(to_string(kind));
  EXPECT_EQ(names.size(), failure_kinds().size());
  EXPECT_EQ(failure_kinds().size(), static_cast<std::size_t>(FailureKind::oops) + 1);
  EXPECT_EQ(to_string(FailureKind::sanitizer), "sanitizer");
  EXPECT_EQ(to_string(Verdict::error), "error");
}

// Readers take names and precedence from the document.
TEST(Verdict, TheDocumentHasTheKindsInTheirOrder) {
  std::ifstream file(KOBOX_SOURCE_DIR "/docs/report.md");
  const std::string document(std::istreambuf_iterator<char>(file), {});
  auto at = document.find("### kind, a closed list");
  ASSERT_NE(at, std::string::npos);
  for (const auto kind : failure_kinds()) {
    const auto next = document.find("\n| `" + std::string(to_string(kind)) + "` |", at);
    EXPECT_NE(next, std::string::npos) << to_string(kind) << " is missing or out of order";
    if (next != std::string::npos) at = next;
  }
}

TEST(Verdict, AResultsVerdictIsItsFailures) {
  EXPECT_EQ(judged_test("a", std::nullopt).verdict, Verdict::pass);
  for (const auto kind : failure_kinds()) {
    const auto result = judged_test("a", Failure{.kind = kind});
    EXPECT_EQ(result.verdict, verdict_of(kind)) << to_string(kind);
    EXPECT_EQ(result.failure->kind, kind);
  }
  const auto skipped = skipped_test("b", "is for another kernel");
  EXPECT_EQ(skipped.verdict, Verdict::skip);
  EXPECT_EQ(skipped.skip_reason, "is for another kernel");
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
