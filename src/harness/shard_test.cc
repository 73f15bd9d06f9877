// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<TestSpec> tests_named(const std::vector<std::string>& names) {
  std::vector<TestSpec> tests;
  for (const auto& name : names) tests.push_back({.name = name});
  return tests;
}

std::vector<std::string> pairs(const std::vector<KernelPlan>& plan) {
  std::vector<std::string> pairs;
  for (const auto& kernel : plan) {
    EXPECT_THAT(kernel.tests, testing::Not(IsEmpty()));
    for (const auto& test : kernel.tests) pairs.push_back(kernel.selector + ":" + test.name);
  }
  return pairs;
}

TEST(ParseShard, OnlyPartsThatAreThere) {
  EXPECT_EQ(parse_shard("2/5").value(), (Shard{2, 5}));
  EXPECT_EQ(parse_shard("1/1").value(), (Shard{1, 1}));
  for (const char* text : {"0/5", "6/5"})
    EXPECT_THAT(parse_shard(text).error().message(), HasSubstr("the shards of 5 are 1/5 to 5/5"));
  for (const char* text :
       {"", "/", "2", "2/", "/5", "-1/5", "2/0", "2/5/6", "two/five", " 1/5", "1/99999999999"})
    EXPECT_FALSE(parse_shard(text)) << text;
  EXPECT_THAT(parse_shard("x").error().message(), HasSubstr("'x' is no shard: write I/N"));
}

TEST(PlanShard, TogetherTheyHaveEveryPairOnceAndInItsOrder) {
  const auto tests = tests_named({"a", "b", "c", "d", "e", "f", "g"});
  const std::vector<std::string> kernels = {"5.10", "6.1", "6.12", "7.2", "7.3"};
  Report times;
  times.runs = {{.kernel = "6.1.0",
                 .tests = {{.name = "a", .seconds = 60}, {.name = "b"}},
                 .selector = "6.1"},
                {.kernel = "7.2.1", .tests = {{.name = "g", .seconds = 1e300}}, .selector = "7.2"}};
  const auto all = pairs(plan_shard(kernels, tests, {1, 1}, {}));
  ASSERT_EQ(all.size(), 35U);
  for (const auto& known : {Report{}, times}) {
    for (int count = 1; count <= 40; ++count) {
      std::vector<std::string> together;
      for (int i = 1; i <= count; ++i) {
        const auto part = pairs(plan_shard(kernels, tests, {i, count}, known));
        together.insert(together.end(), part.begin(), part.end());
      }
      EXPECT_EQ(together, all) << count;
    }
  }
}

TEST(PlanShard, WithoutTimesEachHasAsManyAndFewKernels) {
  const auto tests = tests_named({"a", "b", "c", "d"});
  EXPECT_THAT(pairs(plan_shard({"6.1", "6.12"}, tests, {1, 3}, {})),
              ElementsAre("6.1:a", "6.1:b", "6.1:c"));
  EXPECT_THAT(pairs(plan_shard({"6.1", "6.12"}, tests, {2, 3}, {})),
              ElementsAre("6.1:d", "6.12:a"));
  EXPECT_THAT(pairs(plan_shard({"6.1", "6.12"}, tests, {3, 3}, {})),
              ElementsAre("6.12:b", "6.12:c", "6.12:d"));
}

TEST(PlanShard, TimesBalanceThem) {
  Report times;
  times.runs = {{.kernel = "6.1.0",
                 .tests = {{.name = "a", .seconds = 9},
                           {.name = "b", .seconds = 3},
                           {.name = "c", .seconds = 3}},
                 .selector = "6.1"}};
  // d is not known and costs the mean, 5 s: a | b c d.
  const auto tests = tests_named({"a", "b", "c", "d"});
  EXPECT_THAT(pairs(plan_shard({"6.1"}, tests, {1, 2}, times)), ElementsAre("6.1:a"));
  EXPECT_THAT(pairs(plan_shard({"6.1"}, tests, {2, 2}, times)),
              ElementsAre("6.1:b", "6.1:c", "6.1:d"));
}

TEST(PlanShard, WithoutKoboxTomlAKernelCostsWhatItsModulesDid) {
  Report times;
  times.runs = {{.kernel = "6.1.0",
                 .tests = {{.name = "core", .seconds = 5}, {.name = "left", .seconds = 5}},
                 .selector = "6.1"},
                {.kernel = "6.12.0", .tests = {{.name = "core", .seconds = 1}}, .selector = "6.12"},
                {.kernel = "7.2.0", .tests = {{.name = "core", .seconds = 1}}, .selector = "7.2"}};
  const auto tests = tests_named({"loads and unloads"});
  EXPECT_THAT(pairs(plan_shard({"6.1", "6.12", "7.2"}, tests, {1, 2}, times)),
              ElementsAre("6.1:loads and unloads"));
}

TEST(PlanShard, WhatCouldNotBeJudgedTellsNoTime) {
  const auto run = [](std::string selector, std::vector<TestResult> tests) {
    return RunResult{.kernel = selector, .tests = std::move(tests), .selector = selector};
  };
  const Failure lost{.kind = FailureKind::environment};
  Report times;
  times.runs = {run("6.1", {{.name = "a", .seconds = 4}, {.name = "b", .seconds = 4}}),
                run("6.12", {skipped_test("a", "not run"), skipped_test("b", "not run")}),
                run("7.2", {judged_test("a", lost), judged_test("b", lost)})};
  times.runs[1].failure = lost;
  times.runs[2].tests[0].seconds = 60;
  const auto tests = tests_named({"a", "b"});
  EXPECT_THAT(pairs(plan_shard({"6.1", "6.12", "7.2"}, tests, {2, 3}, times)),
              ElementsAre("6.12:a", "6.12:b"));
  EXPECT_TRUE(has_times(times));
  times.runs.erase(times.runs.begin());
  EXPECT_FALSE(has_times(times));
}

TEST(PlanShard, AShardMayHaveNothing) {
  EXPECT_THAT(plan_shard({"6.1"}, tests_named({"a", "b"}), {1, 3}, {}), testing::SizeIs(1));
  EXPECT_THAT(plan_shard({"6.1"}, tests_named({"a", "b"}), {2, 3}, {}), IsEmpty());
}

}  // namespace
}  // namespace kobox
