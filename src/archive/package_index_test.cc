// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/package_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Cut down from Debian's own lists.
constexpr const char* k_security = R"(Package: gcc-12
Version: 12.2.0-14
Size: 5

Package: linux-image-6.12.117+deb12-cloud-amd64
Source: linux-signed-amd64 (6.12.117+1~deb12u1)
Version: 6.12.117-1~deb12u1
Installed-Size: 100
Depends: kmod, linux-base (>= 4.3~) | linux-initramfs-tool
Size: 3000

Package: linux-headers-6.12.117+deb12-cloud-amd64
Version: 6.12.117-1~deb12u1
Installed-Size: 10
Depends: linux-base (>= 4.12~), linux-headers-6.12.117+deb12-common (= 6.12.117-1~deb12u1), linux-image-6.12.117+deb12-cloud-amd64 (= 6.12.117-1~deb12u1) | linux-image-6.12.117+deb12-cloud-amd64-unsigned (= 6.12.117-1~deb12u1), linux-kbuild-6.12.117+deb12, gcc-12
Size: 200

Package: linux-headers-6.12.117+deb12-common
Version: 6.12.117-1~deb12u1
Installed-Size: 20
Size: 40

Package: linux-kbuild-6.12.117+deb12
Version: 6.12.117-1~deb12u1
Installed-Size: 5
Depends: libc6 (>= 2.34), pahole
Size: 7

Package: linux-image-6.12-amd64
Version: 6.12.117-1~deb12u1
Depends: linux-image-6.12.117+deb12-amd64
Size: 1

Package: linux-image-6.12.9+deb12-cloud-amd64
Version: 6.12.9-1
Size: 1

Package: linux-image-6.1.0-56-rt-amd64
Version: 6.1.192-2
Size: 1
)";

constexpr const char* k_main = R"(Package: linux-image-6.1.0-47-cloud-amd64
Version: 6.1.170-3
Installed-Size: 1
Size: 1

Package: linux-headers-6.1.0-47-cloud-amd64
Version: 6.1.170-3
Depends: linux-headers-6.1.0-47-common (= 6.1.170-3), linux-kbuild-6.1 (>= 6.1.170-3)
Size: 1

Package: linux-headers-6.1.0-47-common
Version: 6.1.170-3
Size: 1

Package: linux-kbuild-6.1
Version: 6.1.160-1
Size: 1

Package: linux-kbuild-6.1
Version: 6.1.170-3
Size: 1

Package: linux-kbuild-6.1
Version: 6.1.192-2
Size: 100
)";

std::vector<std::string> names(const KernelPackages& packages) {
  std::vector<std::string> result;
  for (const auto& one : packages.packages) result.push_back(one.name + "=" + one.version);
  return result;
}

class PackageIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(index_.add(k_security, "bookworm-security"));
    ASSERT_TRUE(index_.add(k_main, "bookworm"));
  }
  PackageIndex index_;
};

TEST_F(PackageIndexTest, ListsStockKernelsNewestFirst) {
  EXPECT_THAT(index_.releases(),
              ElementsAre("6.12.117+deb12-cloud-amd64", "6.12.9+deb12-cloud-amd64",
                          "6.1.0-56-rt-amd64", "6.1.0-47-cloud-amd64"));
  EXPECT_TRUE(index_.has_headers("6.12.117+deb12-cloud-amd64"));
  EXPECT_FALSE(index_.has_headers("6.12.9+deb12-cloud-amd64"));
}

TEST_F(PackageIndexTest, FollowsDependenciesOfItsOwnKind) {
  const auto found = index_.packages_for("6.12.117+deb12-cloud-amd64");
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_THAT(names(*found),
              ElementsAre("linux-image-6.12.117+deb12-cloud-amd64=6.12.117-1~deb12u1",
                          "linux-headers-6.12.117+deb12-cloud-amd64=6.12.117-1~deb12u1",
                          "linux-headers-6.12.117+deb12-common=6.12.117-1~deb12u1",
                          "linux-kbuild-6.12.117+deb12=6.12.117-1~deb12u1"));
  EXPECT_EQ(found->download_bytes, 3247U);
  EXPECT_EQ(found->installed_bytes, 135U * 1024);
  EXPECT_EQ(found->suite, "bookworm-security");
  EXPECT_THAT(found->build_needs, ElementsAre("libc6", "pahole", "gcc-12"));
}

TEST_F(PackageIndexTest, TakesTheVersionThatIsAskedFor) {
  const auto found = index_.packages_for("6.1.0-47-cloud-amd64");
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(names(*found).back(), "linux-kbuild-6.1=6.1.192-2");
}

TEST_F(PackageIndexTest, SplitImagesAreFollowed) {
  ASSERT_TRUE(
      index_.add("Package: linux-image-6.17.1+deb12-amd64\nVersion: 1\nSize: 1\n"
                 "Depends: linux-binary-6.17.1+deb12-amd64 (= 1) | x, "
                 "linux-modules-6.17.1+deb12-amd64\n\n"
                 "Package: linux-binary-6.17.1+deb12-amd64\nVersion: 1\nSize: 1\n\n"
                 "Package: linux-modules-6.17.1+deb12-amd64\nVersion: 2\nSize: 1\n\n"
                 "Package: linux-headers-6.17.1+deb12-amd64\nVersion: 1\nSize: 1\n",
                 "s"));
  EXPECT_EQ(index_.packages_for("6.17.1+deb12-amd64")->packages.size(), 4U);
}

TEST_F(PackageIndexTest, AnImageWithoutHeadersIsTakenAlone) {
  ASSERT_TRUE(
      index_.add("Package: linux-image-7.0.4+deb13-amd64\nVersion: 1\nSize: 1\n"
                 "Depends: linux-base-7.0.4+deb13-amd64, linux-binary-7.0.4+deb13-amd64\n\n"
                 "Package: linux-binary-7.0.4+deb13-amd64\nVersion: 1\nSize: 1\n",
                 "trixie-backports"));
  const auto found = index_.packages_for("7.0.4+deb13-amd64");
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_FALSE(found->has_headers);
  EXPECT_THAT(names(*found),
              ElementsAre("linux-image-7.0.4+deb13-amd64=1", "linux-binary-7.0.4+deb13-amd64=1"));
  EXPECT_THAT(found->build_needs, ElementsAre());
}

TEST_F(PackageIndexTest, KernelsAreTakenOutOfAList) {
  PackageIndex same;
  ASSERT_TRUE(same.add(kernel_stanzas(k_security), "bookworm-security"));
  EXPECT_THAT(kernel_stanzas(k_security), Not(HasSubstr("Package: gcc-12")));
  EXPECT_EQ(same.packages_for("6.12.117+deb12-cloud-amd64")->download_bytes, 3247U);
}

TEST_F(PackageIndexTest, ErrorsSayWhatIsNear) {
  const auto near = index_.packages_for("6.1.0-48-cloud-amd64");
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().kind(), ErrorKind::usage);
  EXPECT_THAT(near.error().to_string(), HasSubstr("did you mean '6.1.0-47-cloud-amd64'"));
  ASSERT_TRUE(
      index_.add("Package: linux-headers-6.12.9+deb12-cloud-amd64\nVersion: 1\nSize: 1\n"
                 "Depends: linux-kbuild-6.12.9 (>= 7)\n",
                 "s"));
  const auto broken = index_.packages_for("6.12.9+deb12-cloud-amd64");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind(), ErrorKind::environment);
  EXPECT_THAT(broken.error().to_string(), HasSubstr("needs 'linux-kbuild-6.12.9 (>= 7)'"));
}

TEST(PackageIndex, RefusesBrokenStanzas) {
  for (const auto* text : {"Package: linux-x\nVersion: 1\n", "Package: linux-x\nSize: 1\n",
                           "Package: linux-x\nVersion: 1\nSize: -1\n",
                           "Package: linux-x\nVersion: 1\nSize: 99999999999999999999\n",
                           "Package: linux-x\nVersion: 1\nSize: 1\nInstalled-Size: x\n"}) {
    PackageIndex index;
    const auto added = index.add(text, "s");
    ASSERT_FALSE(added) << text;
    EXPECT_EQ(added.error().kind(), ErrorKind::protocol);
  }
  PackageIndex index;
  EXPECT_TRUE(index.add("", "s"));
  EXPECT_TRUE(index.add("\n\n\n", "s"));
  EXPECT_TRUE(index.add("Package: linux-x\nVersion: 1\nSize: 1", "s"));
}

}  // namespace
}  // namespace kobox
