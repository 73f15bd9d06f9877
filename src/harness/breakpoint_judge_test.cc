// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/breakpoint_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using testing::HasSubstr;

CodePlace at(std::string function, std::string file = "", int line = 0) {
  return {.function = std::move(function), .file = std::move(file), .line = line};
}

BreakpointSeen seen(int hits) { return {.has_place = true, .hits = hits}; }

std::string judged(const BreakpointSpec& spec, const BreakpointSeen& what) {
  return judge_breakpoint(spec, what).value_or("");
}

TEST(BreakpointJudge, Hits) {
  const auto hits = [](const char* wanted, int count) {
    return judged({.at = "f", .hits = wanted}, seen(count));
  };
  EXPECT_EQ(hits("", 1), "");
  EXPECT_EQ(hits("", 7), "");
  EXPECT_EQ(hits("2", 2), "");
  EXPECT_EQ(hits("0", 0), "");
  EXPECT_EQ(hits(">=2", 3), "");
  EXPECT_EQ(hits("", 0), "the breakpoint at f was never hit, expected at least 1 hit");
  EXPECT_EQ(hits("2", 1), "the breakpoint at f was hit once, expected exactly 2 hits");
  EXPECT_EQ(hits("1", 3), "the breakpoint at f was hit 3 times, expected exactly 1 hit");
  EXPECT_EQ(hits(">=4", 3), "the breakpoint at f was hit 3 times, expected at least 4 hits");
  EXPECT_EQ(hits("0", 1), "the breakpoint at f was hit once, expected exactly 0 hits");
}

TEST(BreakpointJudge, APlaceThatIsNotThere) {
  EXPECT_EQ(judged({.at = "g"}, {}),
            "the breakpoint at g has no place: neither the module nor the kernel has such a "
            "function");
  EXPECT_EQ(judged({.at = "x.c:7", .hits = "0"}, {}),
            "the breakpoint at x.c:7 has no place: neither the module nor the kernel has code of "
            "such a line");
}

TEST(BreakpointJudge, Values) {
  const auto value = [](std::string text, std::string error = "") {
    auto what = seen(1);
    what.values = {{.text = std::move(text), .error = std::move(error)}};
    return judged({.at = "f", .expect = {{"len", " 16"}}}, what);
  };
  EXPECT_EQ(value("16 "), "");
  EXPECT_EQ(value("17"), "at the breakpoint at f: 'len' is 17, expected  16");
  EXPECT_EQ(value("", "No symbol \"len\" in current context."),
            "at the breakpoint at f: GDB cannot evaluate 'len': No symbol \"len\" in current "
            "context.");
  EXPECT_THAT(value("<optimized out>"), HasSubstr("'len' is optimised out"));
}

TEST(BreakpointJudge, BacktracesAreASubsequence) {
  auto what = seen(1);
  what.backtrace = {at("a"), at("b"), at("c"), at("d")};
  EXPECT_EQ(judged({.at = "a", .backtrace = {"a", "c"}}, what), "");
  EXPECT_EQ(judged({.at = "a", .backtrace = {"x"}}, what),
            "the backtrace at a has no x; it is a, b, c, d");
  EXPECT_EQ(judged({.at = "a", .backtrace = {"c", "b"}}, what),
            "the backtrace at a has no b above c; it is a, b, c, d");
}

TEST(BreakpointJudge, Steps) {
  auto what = seen(1);
  what.path = {at("a", "/m/x.c", 3), at("a", "/m/x.c", 4), at("k")};
  what.path_end = "it returned to vfs_read";
  EXPECT_EQ(judged({.at = "a", .step = {"a", "x.c:4", "k"}}, what), "");
  EXPECT_EQ(judged({.at = "a", .step = {"x.c:4", "x.c:3"}}, what),
            "stepping from a did not come to x.c:3 after x.c:4 before it returned to vfs_read; it "
            "went through a (x.c:3), a (x.c:4), k");
}

TEST(BreakpointJudge, WhatAPlaceIsCalled) {
  EXPECT_TRUE(is_at(at("f", "/m/sub/x.c", 12), "f"));
  EXPECT_TRUE(is_at(at("f", "/m/sub/x.c", 12), "x.c:12"));
  EXPECT_TRUE(is_at(at("f", "/m/sub/x.c", 12), "sub/x.c:12"));
  EXPECT_TRUE(is_at(at("f", "x.c", 12), "x.c:12"));
  EXPECT_FALSE(is_at(at("f", "/m/sub/xx.c", 12), "x.c:12"));
  EXPECT_FALSE(is_at(at("f", "/m/sub/x.c", 12), "x.c:1"));
  EXPECT_FALSE(is_at(at("ff"), "f"));
}

TEST(BreakpointJudge, TheWorstCaseIsStillReadable) {
  auto what = seen(1);
  for (int i = 0; i < 1000; ++i) what.path.push_back(at("a", "x.c", 10 + i % 2));
  const auto sentence = judged({.at = "a", .step = {"b"}}, what);
  EXPECT_LT(sentence.size(), 1000U);
  EXPECT_THAT(sentence, HasSubstr(" more"));
}

}  // namespace
}  // namespace kobox
