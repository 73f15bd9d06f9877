// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/distribution.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

std::string_view name_of(const Distribution* one) { return one != nullptr ? one->name : "none"; }

TEST(Distribution, IsFoundByWhatCarriesItsName) {
  EXPECT_EQ(name_of(find_distribution("trixie")), "trixie");
  EXPECT_EQ(name_of(find_distribution("hamm")), "none");
  EXPECT_EQ(name_of(distribution_of_suite("bookworm-security")), "bookworm");
  EXPECT_EQ(name_of(distribution_of_suite("trixie-backports")), "trixie");
  EXPECT_EQ(name_of(distribution_of_suite("trixie-back")), "none");
}

TEST(Distribution, IsToldByAKernelsRelease) {
  EXPECT_EQ(name_of(distribution_of_release("5.10.0-46-amd64")), "bullseye");
  EXPECT_EQ(name_of(distribution_of_release("6.1.0-56-rt-amd64")), "bookworm");
  EXPECT_EQ(name_of(distribution_of_release("6.1.0-0.deb11.52-amd64")), "bullseye");
  EXPECT_EQ(name_of(distribution_of_release("6.12.117+deb12-cloud-amd64")), "bookworm");
  EXPECT_EQ(name_of(distribution_of_release("7.3.4+deb13-cloud-amd64")), "trixie");
  EXPECT_EQ(name_of(distribution_of_release("7.2.13+deb14-amd64")), "forky");
  EXPECT_EQ(name_of(distribution_of_release("6.18.5+deb99-amd64")), "none");
  EXPECT_EQ(name_of(distribution_of_release("6.8.0-41-generic")), "none");
}

}  // namespace
}  // namespace kobox
