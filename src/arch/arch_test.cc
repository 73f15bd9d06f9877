// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/arch.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(ArchTest, IsFoundByItsName) {
  EXPECT_EQ(find_arch(default_arch().name), &default_arch());
  EXPECT_EQ(find_arch("amd64"), nullptr);  // Debian's name, not the kernel's
  EXPECT_EQ(find_arch(""), nullptr);
}

}  // namespace
}  // namespace kobox
