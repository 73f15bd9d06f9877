// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/log_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AgentClient::KernelLog log_of(const std::vector<std::string>& records, std::size_t dropped = 0) {
  return {.records = {records.begin(), records.end()}, .dropped = dropped};
}

TEST(LogPart, IsWhatTheKernelSaidFromTheMarkOn) {
  const auto log = log_of({"6,10,1,-;before\n", "6,11,2,-;one\n", "14,12,3,-;by user space\n",
                           "4,13,4,-;two\n SUBSYSTEM=x\n"});
  const auto part = log_part(log, 1);
  EXPECT_THAT(part.lines, ElementsAre("one", "two"));
  EXPECT_EQ(part.lost, 0U);
  EXPECT_THAT(log_part(log, 4).lines, IsEmpty());
  EXPECT_EQ(log_part(log, 0).lost, 0U) << "what came before the first record is nobody's matter";
}

TEST(LogPart, CountsWhatIsMissingInItAndNotBefore) {
  const auto log = log_of({"6,1,1,-;a\n", "6,5,1,-;b\n", "6,6,1,-;c\n", "6,9,1,-;d\n"});
  EXPECT_EQ(log_part(log, 0).lost, 3U + 2U);
  EXPECT_EQ(log_part(log, 1).lost, 3U + 2U) << "lost since the mark, before the first was read";
  EXPECT_EQ(log_part(log, 2).lost, 2U);
  EXPECT_EQ(log_part(log, 4).lost, 0U);
}

TEST(LogPart, WhatIsNoLongerKeptIsLostToo) {
  const auto part = log_part(log_of({"6,8,1,-;a\n"}, 7), 3);
  EXPECT_THAT(part.lines, ElementsAre("a"));
  EXPECT_EQ(part.lost, 4U);
}

TEST(LogPart, ARecordThatCannotBeReadIsLostAndNumbersThatGoBackAreNot) {
  EXPECT_EQ(log_part(log_of({"6,1,1,-;a\n", "garbage", "6,3,1,-;b\n"}), 0).lost, 1U);
  EXPECT_EQ(log_part(log_of({"6,9,1,-;a\n", "6,3,1,-;b\n", "6,4,1,-;c\n"}), 0).lost, 0U);
}

TEST(LogPart, IsSaidInWords) {
  EXPECT_EQ(describe_lost(1), "1 record of the kernel log was lost");
  EXPECT_EQ(describe_lost(27), "27 records of the kernel log were lost");
}

}  // namespace
}  // namespace kobox
