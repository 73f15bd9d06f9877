// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Kind = TextMatcher::Kind;
using Reply = AgentClient::RunReply;
using Log = std::vector<std::string>;

TextMatcher exact(std::string text) { return {Kind::exact, std::move(text)}; }
TextMatcher contains(std::string text) { return {Kind::contains, std::move(text)}; }
TextMatcher pattern(std::string text) { return {Kind::matches, std::move(text)}; }

// The message of the failure, "" if there is none.
std::string said(const TestSpec& test, const Reply& reply, const Log& log = {},
                 std::uint64_t lost = 0) {
  const auto failure = judge(test, reply, {.lines = log, .lost = lost}, 10s);
  if (!failure) return "";
  EXPECT_EQ(failure->kind, FailureKind::assertion);
  EXPECT_FALSE(failure->message.empty());
  return failure->message;
}

TEST(Judge, NothingExpectedAndStatusZeroPasses) {
  EXPECT_EQ(said({}, {.standard_output = "whatever", .standard_error = "x"}, {"line"}), "");
}

TEST(Judge, Status) {
  EXPECT_EQ(said({}, {.status = 1}), "the command ended with status 1, expected status 0");
  EXPECT_EQ(said({.status = 3}, {.status = 3}), "");
  EXPECT_EQ(said({.status = 3}, {.status = 0}),
            "the command ended with status 0, expected status 3");
  EXPECT_EQ(said({}, {.status = 2, .standard_error = " sh: \"x\"\nnot found\n"}),
            "the command ended with status 2, expected status 0; "
            "it said \"sh: \\\"x\\\"\\nnot found\"");
}

TEST(Judge, Signal) {
  EXPECT_EQ(said({}, {.signal = 11}),
            "the command was killed by signal 11 (Segmentation fault), expected status 0");
}

TEST(Judge, StatusComesBeforeWhatWasPrinted) {
  EXPECT_THAT(said({.standard_output = exact("x")}, {.status = 1}), HasSubstr("status 1"));
}

TEST(Judge, ExactOutput) {
  const TestSpec test{.standard_output = exact("Hello from QEMU!")};
  EXPECT_EQ(said(test, {.standard_output = "Hello from QEMU!"}), "");
  EXPECT_EQ(said(test, {.standard_output = "Hello from QEMU!\n"}),
            "standard output: expected exactly \"Hello from QEMU!\", got \"Hello from QEMU!\\n\"");
  EXPECT_EQ(said(test, {}), "standard output: expected exactly \"Hello from QEMU!\", got nothing");
  EXPECT_EQ(said({.standard_output = exact("")}, {}), "");
}

TEST(Judge, OutputThatContains) {
  const TestSpec test{.standard_output = contains("needle")};
  EXPECT_EQ(said(test, {.standard_output = "hay needle hay"}), "");
  EXPECT_EQ(said(test, {.standard_output = "hay"}),
            "standard output: expected \"needle\" in it, got \"hay\"");
}

TEST(Judge, OutputThatMatches) {
  const TestSpec test{.standard_output = pattern("Sent \\d+ characters")};
  EXPECT_EQ(said(test, {.standard_output = "a\nSent 16 characters\n"}), "");
  EXPECT_EQ(said(test, {.standard_output = "Sent no characters"}),
            "standard output: expected a match of /Sent \\d+ characters/, "
            "got \"Sent no characters\"");
  EXPECT_EQ(said({.standard_output = pattern("^abc$")}, {.standard_output = "abc"}), "");
  EXPECT_NE(said({.standard_output = pattern("^abc$")}, {.standard_output = "xabc"}), "");
}

TEST(Judge, AMatchOfMuchOutputNeitherThrowsNorTakesForEver) {
  EXPECT_EQ(said({.standard_output = pattern("(a|b)*c")},
                 {.standard_output = std::string(200'000, 'a') + "c"}),
            "");
  EXPECT_NE(
      said({.standard_output = pattern("(a*)*b")}, {.standard_output = std::string(3'000, 'a')}),
      "");
}

TEST(Judge, StandardErrorIsJudgedLikewise) {
  const TestSpec test{.standard_error = contains("denied")};
  EXPECT_EQ(said(test, {.standard_error = "Permission denied"}), "");
  EXPECT_EQ(said(test, {.standard_output = "denied"}),
            "standard error: expected \"denied\" in it, got nothing");
}

TEST(Judge, WhatIsShownIsPrintableAndBounded) {
  EXPECT_EQ(said({.standard_output = exact("x")}, {.standard_output = "\x1b[2J\xff"}),
            "standard output: expected exactly \"x\", got \"\\x1b[2J\\xff\"");
  const auto message =
      said({.standard_output = exact("x")}, {.standard_output = std::string(100'000, 'y')});
  EXPECT_LT(message.size(), 1000U);
  EXPECT_TRUE(message.ends_with("y\"…")) << message;
}

TEST(Judge, DroppedOutputIsNeverTakenForTheWhole) {
  Reply reply{.standard_output = "head", .dropped_output = 2'000'000};
  EXPECT_EQ(said({.standard_output = exact("head")}, reply),
            "standard output: expected exactly \"head\", got \"head\" "
            "and 2.0 MB more, which were dropped");
  EXPECT_EQ(said({.standard_output = contains("head")}, reply), "");
  EXPECT_THAT(said({.standard_output = contains("tail")}, reply), HasSubstr("which were dropped"));
  reply.dropped_output = 0;
  reply.dropped_error = 5;
  EXPECT_EQ(said({.standard_output = exact("head")}, reply), "");
}

TEST(Judge, AHang) {
  const auto failure = judge({.name = "x"}, {.status = 1, .timed_out = true}, {}, 1500ms);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::hang);
  EXPECT_EQ(failure->message, "the command did not end within 1.50 s");
  const auto stuck = judge({}, {.timed_out = true, .stuck = true}, {}, 10s);
  EXPECT_EQ(stuck->kind, FailureKind::hang);
  EXPECT_THAT(stuck->message, HasSubstr("not even SIGKILL ends it"));
}

TEST(Judge, KernelLogInOrderWithOthersBetween) {
  const TestSpec test{.kernel_log = {contains("opened"), pattern("Sent \\d+"), contains("closed")}};
  EXPECT_EQ(said(test, {}, {"opened", "noise", "Sent 16", "noise", "closed", "noise"}), "");
  EXPECT_EQ(said(test, {}, {"opened", "closed", "Sent 16"}),
            "the kernel log has no line with \"closed\" in it after the ones expected before it");
  EXPECT_EQ(said(test, {}, {"opened", "closed"}),
            "the kernel log has no line with a match of /Sent \\d+/");
  EXPECT_EQ(said(test, {}, {}), "the kernel log has no line with \"opened\" in it");
}

TEST(Judge, EachExpectedLineNeedsALineOfItsOwn) {
  const TestSpec test{.kernel_log = {contains("opened"), contains("opened")}};
  EXPECT_NE(said(test, {}, {"opened"}), "");
  EXPECT_EQ(said(test, {}, {"opened", "opened"}), "");
}

TEST(Judge, ExactMatchersOfALogLine) {
  const TestSpec test{.kernel_log = {exact("whole line")}};
  EXPECT_EQ(said(test, {}, {"whole line"}), "");
  EXPECT_NE(said(test, {}, {"the whole line"}), "");
}

TEST(Judge, ForbiddenLogLines) {
  const TestSpec test{.no_kernel_log = {contains("Failed"), pattern("err(or)?:")}};
  EXPECT_EQ(said(test, {}, {"all fine"}), "");
  EXPECT_EQ(said(test, {}, {"fine", "Failed to x"}),
            "the kernel log has a line with \"Failed\" in it, which must not be there: "
            "\"Failed to x\"");
  EXPECT_THAT(said(test, {}, {"err: 5"}), HasSubstr("a match of /err(or)?:/"));
}

TEST(Judge, AGapInTheLogIsNoPassWhereALineMustNotBeThere) {
  const TestSpec test{.no_kernel_log = {contains("Failed"), contains("bad")}};
  EXPECT_EQ(said(test, {}, {"all fine"}, 7),
            "the kernel log has a gap of 7 records, lost before they were read: a line with "
            "\"Failed\" in "
            "it may have been among them");
  EXPECT_THAT(said(test, {}, {"bad"}, 7), HasSubstr("which must not be there"));
  EXPECT_EQ(said({}, {}, {"all fine"}, 7), "") << "nothing is looked for";
}

TEST(Judge, AnExpectedLineIsFoundBesideAGapOrMayHaveBeenInIt) {
  const TestSpec test{.kernel_log = {contains("opened"), contains("closed")}};
  EXPECT_EQ(said(test, {}, {"opened", "closed"}, 7), "");
  EXPECT_EQ(said(test, {}, {"opened"}, 1),
            "the kernel log has no line with \"closed\" in it; but 1 record of the kernel log was "
            "lost, and it may have been among them");
}

TEST(Matchers, AnEmptyTextIsInEverything) {
  EXPECT_TRUE(matches(contains(""), ""));
  EXPECT_TRUE(matches(pattern(""), "x"));
  EXPECT_FALSE(matches(exact(""), "x"));
}

TEST(Matchers, BytesOfAnyKindAreNoError) {
  EXPECT_TRUE(matches(pattern("a"), std::string_view("\xff\0\xfe"
                                                     "a",
                                                     4)));
  EXPECT_TRUE(matches(contains(std::string("\0x", 2)), std::string_view("a\0x", 3)));
  EXPECT_FALSE(matches(pattern("["), "[")) << "not a regular expression";
}

}  // namespace
}  // namespace kobox
