// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/errno_name.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace kobox {
namespace {

TEST(ErrnoName, TheKernelsOwnErrorsHaveNamesToo) {
  EXPECT_EQ(errno_name(ENODEV), "ENODEV");
  EXPECT_EQ(errno_name(517), "EPROBE_DEFER");
  EXPECT_EQ(errno_name(520), "520");
  EXPECT_EQ(errno_of("EPROBE_DEFER"), 517);
  EXPECT_EQ(errno_of("ENOTSUPP"), 524);
  EXPECT_EQ(errno_of("ENOSUCH"), std::nullopt);
}

}  // namespace
}  // namespace kobox
