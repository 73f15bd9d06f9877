// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/release.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(DebianRelease, KnowsTheStockKernels) {
  const auto old = parse_debian_release("6.1.0-56-cloud-amd64");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->line, "6.1");
  EXPECT_EQ(old->version, "6.1.0-56");
  EXPECT_EQ(old->flavour, "cloud");
  const auto recent = parse_debian_release("6.12.117+deb12-amd64");
  ASSERT_TRUE(recent);
  EXPECT_EQ(recent->line, "6.12");
  EXPECT_EQ(recent->flavour, "");
  EXPECT_EQ(parse_debian_release("6.1.0-56-rt-amd64")->flavour, "rt");
  const auto backport = parse_debian_release("6.1.0-0.deb11.52-cloud-amd64");
  ASSERT_TRUE(backport);
  EXPECT_EQ(backport->line, "6.1");
  EXPECT_TRUE(is_newer_release("6.1.0-56-amd64", "6.1.0-0.deb11.52-amd64"));
  for (const auto* other : {"6.12-amd64", "6.1-rt-amd64", "7.3-cloud-amd64", "6.1.0-56-amd64-dbg",
                            "6.1.0-56-amd64-unsigned", "6.1.0-56-arm64", "amd64", "cloud-amd64", "",
                            "6.1.0-56-amd64/..", ".6.1.0-56-amd64.x"})
    EXPECT_FALSE(parse_debian_release(other)) << other;
}

TEST(CompareVersions, AsDebVersion) {
  EXPECT_LT(compare_versions("6.1.0-9", "6.1.0-56"), 0);
  EXPECT_LT(compare_versions("6.12.9+deb12", "6.12.117+deb12"), 0);
  EXPECT_LT(compare_versions("6.12.117-1~deb12u1", "6.12.117-1"), 0);
  EXPECT_LT(compare_versions("6.12.117-1~bpo", "6.12.117-1~deb12u1"), 0);
  EXPECT_GT(compare_versions("1:1.0", "2.0"), 0);
  EXPECT_EQ(compare_versions("1.00", "1.0"), 0);
  EXPECT_GT(compare_versions("1.0+b1", "1.0"), 0);
  EXPECT_LT(compare_versions("1.0a", "1.0+"), 0);
  EXPECT_EQ(compare_versions("6.1.192-2", "6.1.192-2"), 0);
  EXPECT_LT(compare_versions("6.1.192-2", "6.1.192-10"), 0);
}

TEST(IsNewer, OrdersByNumberThenName) {
  EXPECT_TRUE(is_newer_release("6.12.117+deb12-amd64", "6.1.0-56-amd64"));
  EXPECT_TRUE(is_newer_release("6.1.0-100-amd64", "6.1.0-56-cloud-amd64"));
  EXPECT_TRUE(is_newer_release("6.1.0-56-amd64", "6.1.0-56-cloud-amd64"));
  EXPECT_FALSE(is_newer_release("6.1.0-56-amd64", "6.1.0-56-amd64"));
}

}  // namespace
}  // namespace kobox
