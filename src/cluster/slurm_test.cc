// SPDX-License-Identifier: GPL-2.0-or-later
// What Slurm says, read. tests/e2e/slurm_test.cc runs it.
#include "cluster/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(Squeue, EachLineIsATask) {
  const auto tasks = parse_squeue("1|COMPLETED|n1|None\n2|PENDING||Resources\n").value();
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].index, 1);
  EXPECT_EQ(tasks[0].node, "n1");
  EXPECT_TRUE(has_ended(tasks[0]));
  EXPECT_EQ(tasks[1].reason, "Resources");
  EXPECT_FALSE(has_ended(tasks[1]));
  EXPECT_TRUE(parse_squeue("")->empty());
}

TEST(Squeue, WhatIsNoTaskIsRefused) {
  for (const char* text : {"N/A|RUNNING|n1|None", "1|RUNNING", "x", "|||", "-1|a|b|c",
                           "99999999999|a|b|c", "1|a|b|c|d"}) {
    const auto tasks = parse_squeue(text);
    ASSERT_FALSE(tasks) << text;
    EXPECT_EQ(tasks.error().kind(), ErrorKind::tool);
  }
  EXPECT_THAT(parse_squeue("\x1b[2J").error().message(), testing::Not(testing::HasSubstr("\x1b")));
}

TEST(Squeue, ATaskThatMayGoOnHasNotEnded) {
  for (const char* state : {"RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "SOMETHING_NEW"})
    EXPECT_FALSE(has_ended({.state = state})) << state;
  for (const char* state : {"NODE_FAIL", "FAILED", "CANCELLED", "OUT_OF_MEMORY", "TIMEOUT"})
    EXPECT_TRUE(has_ended({.state = state})) << state;
}

}  // namespace
}  // namespace kobox
