// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/sliced_wait.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;

TEST(SlicedWait, ASliceThatEndsMuchTooLateTellsThatNothingRan) {
  const auto end = Deadline::Clock::now();
  EXPECT_EQ(SlicedWait::lateness(end, end - 1h), 0ms);
  EXPECT_EQ(SlicedWait::lateness(end, end + 900ms), 0ms) << "a busy host";
  EXPECT_EQ(SlicedWait::lateness(end, end + 5min), 5min);
  EXPECT_EQ(SlicedWait::lateness(Deadline::never().time(), end), 0ms);
}

TEST(SlicedWait, ASliceIsShortAndEndsWithTheDeadline) {
  SlicedWait endless(Deadline::never());
  EXPECT_LE(endless.next().remaining(), 500ms);
  EXPECT_FALSE(endless.passed());
  const auto deadline = Deadline::after(10ms);
  EXPECT_EQ(SlicedWait(deadline).next().time(), deadline.time());
}

TEST(SlicedWait, ADeadlineThatPassedBeforeTheWaitHasPassed) {
  SlicedWait slices(Deadline::after(-1h));
  EXPECT_TRUE(slices.passed());
  slices.next();
  EXPECT_TRUE(slices.passed()) << "that it is late is no lateness of the slice";
}

}  // namespace
}  // namespace kobox
