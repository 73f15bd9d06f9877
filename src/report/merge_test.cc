// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Of one run on 6.1 and 6.12 with the tests a, b and c: a shard has the tests that are named, such
// as "6.1:a 6.12:c".
NamedReport shard(int index, int count, const std::string& pairs) {
  NamedReport part{fmt::format("{}.json", index),
                   {.module = "m",
                    .project = "digest",
                    .selectors = {"6.1", "6.12"},
                    .tests = {"a", "b", "c"},
                    .shard = {index, count}}};
  for (const auto& pair : split(pairs, ' ')) {
    const auto parts = split(pair, ':');
    if (parts.size() < 2) continue;
    auto& runs = part.report.runs;
    if (runs.empty() || runs.back().selector != parts[0])
      runs.push_back({.kernel = parts[0] + ".0-amd64", .arch = "x86_64", .selector = parts[0]});
    runs.back().tests.push_back({.name = parts[1], .seconds = 1});
  }
  for (auto& run : part.report.runs) settle(run);
  settle(part.report);
  return part;
}

NamedReport whole(const std::string& name, const std::string& kernel) {
  auto part = shard(1, 1, kernel + ":a " + kernel + ":b");
  part.name = name;
  part.report.selectors = {kernel};
  part.report.tests = {"a", "b"};
  return part;
}

std::string error_of(const std::vector<NamedReport>& parts, const LostShards& lost = {}) {
  const auto report = merge_reports(parts, lost);
  return report ? "(none)" : report.error().message();
}

std::vector<std::string> tests_in(const RunResult& run) {
  std::vector<std::string> names;
  for (const auto& test : run.tests)
    names.push_back(test.name + " " + std::string(to_string(test.verdict)));
  return names;
}

TEST(Merge, ShardsAreOneRunInItsOrder) {
  const auto report = merge_reports({shard(3, 3, "6.12:b 6.12:c"), shard(1, 3, "6.1:a 6.1:b"),
                                     shard(2, 3, "6.1:c 6.12:a")})
                          .value();
  ASSERT_EQ(report.runs.size(), 2U);
  EXPECT_EQ(report.runs[0].kernel, "6.1.0-amd64");
  EXPECT_THAT(tests_in(report.runs[0]), ElementsAre("a pass", "b pass", "c pass"));
  EXPECT_THAT(tests_in(report.runs[1]), ElementsAre("a pass", "b pass", "c pass"));
  EXPECT_EQ(report.verdict, Verdict::pass);
  EXPECT_EQ(report.shard, (Shard{1, 1}));
  EXPECT_FALSE(report.interrupted);
}

TEST(Merge, WholeRunsOnDifferentKernelsAreOneReport) {
  const auto report = merge_reports({whole("a", "6.12"), whole("b", "6.1")}).value();
  EXPECT_THAT(report.selectors, ElementsAre("6.12", "6.1"));
  ASSERT_EQ(report.runs.size(), 2U);
  EXPECT_EQ(report.runs[0].selector, "6.12");
  EXPECT_EQ(error_of({whole("a", "6.1"), whole("b", "6.1")}),
            "a and b both have results of kernel '6.1.0-amd64'");
}

TEST(Merge, WhatDoesNotBelongTogetherIsRefused) {
  const auto changed = [](auto change) {
    auto other = shard(2, 2, "6.12:a 6.12:b 6.12:c");
    change(other.report);
    return error_of({shard(1, 2, "6.1:a 6.1:b 6.1:c"), other});
  };
  EXPECT_EQ(changed([](Report&) {}), "(none)");
  EXPECT_EQ(changed([](Report& report) { report.module = "n"; }),
            "2.json does not belong to 1.json: it is of the module 'n', not 'm'");
  EXPECT_EQ(changed([](Report& report) { report.project = "other"; }),
            "2.json does not belong to 1.json: it is of another kobox.toml");
  EXPECT_EQ(changed([](Report& report) { report.selectors = {"6.1"}; }),
            "2.json does not belong to 1.json: it was made for other kernels");
  EXPECT_EQ(changed([](Report& report) { report.tests.pop_back(); }),
            "2.json does not belong to 1.json: it was made for other tests");
  EXPECT_EQ(changed([](Report& report) { report.shard.count = 3; }),
            "2.json does not belong to 1.json: it is shard 2/3, not one of 2 shards");
  EXPECT_EQ(changed([](Report& report) { report.shard = {1, 1}; }),
            "2.json does not belong to 1.json: it is a whole run, not one of 2 shards");
  EXPECT_EQ(changed([](Report& report) { report.shard.index = 1; }),
            "1.json and 2.json are both shard 1/2");
}

TEST(Merge, APairTwiceOrNeverIsRefused) {
  EXPECT_THAT(error_of({shard(1, 2, "6.1:a 6.1:b 6.1:c"), shard(2, 2, "6.1:c 6.12:a")}),
              HasSubstr("2.json has the test 'c' on kernel '6.1.0-amd64', which 1.json"));
  EXPECT_THAT(error_of({shard(1, 2, "6.1:a 6.1:b 6.1:c"), shard(2, 2, "6.12:a 6.12:c")}),
              HasSubstr("no shard has the test 'b' on kernel '6.12'"));
}

TEST(Merge, AMissingShardIsNamed) {
  EXPECT_EQ(error_of({shard(1, 3, "6.1:a"), shard(3, 3, "6.12:a")}),
            "none of the reports is of shard 2/3");
  EXPECT_THAT(missing_shards({shard(2, 4, ""), shard(3, 4, "")}), ElementsAre(1, 4));
  EXPECT_THAT(missing_shards({whole("a", "6.1")}), ElementsAre());
}

TEST(Merge, ALostShardIsAnErrorOfEachOfItsTests) {
  const auto report =
      merge_reports({shard(1, 2, "6.1:a 6.1:b 6.1:c 6.12:a")}, {{2, {"its node died"}}}).value();
  ASSERT_EQ(report.runs.size(), 2U);
  EXPECT_THAT(tests_in(report.runs[0]), ElementsAre("a pass", "b pass", "c pass"));
  EXPECT_THAT(tests_in(report.runs[1]), ElementsAre("a pass", "b error", "c error"));
  EXPECT_EQ(report.runs[1].tests[1].failure->kind, FailureKind::environment);
  EXPECT_EQ(report.runs[1].tests[1].failure->message, "shard 2/2: its node died");
  EXPECT_EQ(report.verdict, Verdict::error);
}

TEST(Merge, AKernelOfWhichNothingCameIsThereToo) {
  const auto report = merge_reports({shard(1, 3, "6.1:a 6.1:b 6.1:c"), shard(2, 3, "")},
                                    {{2, {"x"}}, {3, {"its node died"}}})
                          .value();
  ASSERT_EQ(report.runs.size(), 2U);
  EXPECT_EQ(report.runs[1].kernel, "6.12");
  EXPECT_THAT(tests_in(report.runs[1]), ElementsAre("a error", "b error", "c error"));
  EXPECT_EQ(report.runs[1].tests[0].failure->message, "shard 2/3: x; shard 3/3: its node died");
}

TEST(Merge, WhereItIsKnownEachTestHasTheReasonOfItsShard) {
  const LostShards lost = {{2, {"x", {{"6.12", "a"}, {"6.12", "b"}}}}, {3, {"y", {{"6.12", "c"}}}}};
  const auto report =
      merge_reports({shard(1, 3, "6.1:a 6.1:b 6.1:c"), shard(2, 3, "")}, lost).value();
  ASSERT_EQ(report.runs.size(), 2U);
  EXPECT_EQ(report.runs[1].tests[1].failure->message, "shard 2/3: x");
  EXPECT_EQ(report.runs[1].tests[2].failure->message, "shard 3/3: y");
  EXPECT_THAT(error_of({shard(1, 2, "6.1:a")}, {{2, {"x", {{"6.1", "b"}}}}}),
              HasSubstr("no shard has the test 'c' on kernel '6.1'"));
}

TEST(Merge, AModuleThatDoesNotBuildIsMissingNoTests) {
  auto one = shard(1, 2, "6.1:a 6.1:b 6.1:c 6.12:x");
  auto two = shard(2, 2, "6.12:x");
  for (auto* part : {&one, &two}) {
    part->report.runs.back().tests.clear();
    part->report.runs.back().failure = Failure{.kind = FailureKind::build, .message = "no"};
  }
  two.report.module = "directory";  // nothing was built there, so its name is a guess
  const auto report = merge_reports({two, one}).value();
  EXPECT_EQ(report.module, "m");
  EXPECT_EQ(report.runs[1].failure->kind, FailureKind::build);
  EXPECT_EQ(report.verdict, Verdict::fail);
}

// A kernel's tests are then one shard's, whatever is built for it.
TEST(Merge, WithoutKoboxTomlTestsFollowFromWhatIsBuilt) {
  auto one = shard(1, 3, "6.1:core 6.1:left");
  auto two = shard(2, 3, "6.12:core");
  auto nothing = shard(3, 3, "");
  for (auto* part : {&one, &two, &nothing}) {
    part->report.project = "";
    part->report.tests = {"loads and unloads"};
  }
  const auto report = merge_reports({one, two, nothing}).value();
  EXPECT_THAT(report.tests, ElementsAre("core", "left"));
  EXPECT_EQ(report.verdict, Verdict::pass);
  const auto lost =
      merge_reports({one, nothing}, {{2, {"its node died", {{"6.12", "loads and unloads"}}}}})
          .value();
  EXPECT_THAT(tests_in(lost.runs.at(1)), ElementsAre("loads and unloads error"));
  EXPECT_EQ(error_of({one, nothing}, {{2, {"x", {{"6.1", "y"}}}}}),
            "no shard has the test 'loads and unloads' on kernel '6.12': were they made with "
            "different --times?");
}

TEST(Merge, TheOneTestOfAKoboxTomlMayBeMissing) {
  auto one = shard(1, 2, "6.1:b");
  auto two = shard(2, 2, "6.12:a");
  for (auto* part : {&one, &two}) part->report.tests = {"a"};
  EXPECT_THAT(error_of({one, two}), HasSubstr("no shard has the test 'a' on kernel '6.1'"));
}

TEST(Merge, ModulesAreTakenFromTheShardThatHasThem) {
  auto two = shard(2, 2, "6.1:c 6.12:a 6.12:b 6.12:c");
  two.report.runs[0].modules = {"m"};
  const auto report = merge_reports({shard(1, 2, "6.1:a 6.1:b"), two}).value();
  EXPECT_THAT(report.runs[0].modules, ElementsAre("m"));
}

TEST(Merge, AnInterruptStaysOne) {
  auto two = shard(2, 2, "6.12:a 6.12:b 6.12:c");
  two.report.interrupted = true;
  EXPECT_TRUE(merge_reports({shard(1, 2, "6.1:a 6.1:b 6.1:c"), two})->interrupted);
}

}  // namespace
}  // namespace kobox
