// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/apt_sources.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "archive/made_files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

// A line as apt-get update --print-uris writes it.
std::string list(const std::string& uri, const std::string& suite,
                 const std::string& component = "main", const std::string& arch = "amd64") {
  return "'" + uri + "/dists/" + suite + "/" + component + "/binary-" + arch +
         "/Packages.xz' a_file 0 \n";
}

TEST(AptSources, ThirdPartiesAreNotTakenForDebian) {
  const auto mirror =
      choose_mirror(list("http://hashi.example", "bookworm") +
                    list("http://docker.example/linux/debian", "bookworm", "stable") +
                    list("cdrom:[Debian]/", "bookworm") +
                    list("http://arm.example/debian", "stable", "main", "arm64") +
                    list("http://pgdg.example/debian", "bookworm-pgdg") +
                    list("http://mirror.example/debian-security", "trixie-security") +
                    list("http://mirror.example/debian", "trixie") +
                    list("http://mirror.example/debian", "trixie-updates") +
                    list("http://vendor.example/debian", "trixie"));
  EXPECT_EQ(mirror.archive, "http://mirror.example/debian");
  EXPECT_EQ(mirror.security, "http://mirror.example/debian-security");
  EXPECT_FALSE(mirror.is_snapshot);
  EXPECT_EQ(choose_mirror(list("http://archive.example/ubuntu", "jammy")).archive, "");
  EXPECT_EQ(choose_mirror("").archive, "");
  EXPECT_EQ(choose_mirror("'\n'/dists//main/binary-amd64/Packages'\ngarbage\n\n").archive, "");
}

TEST(AptSources, ASnapshotsListsAreOutOfDate) {
  const auto mirror =
      choose_mirror(list("http://s.example/archive/debian/20250520T000000Z", "sid"));
  EXPECT_TRUE(mirror.is_snapshot);
  EXPECT_THAT(debian_sources(mirror, *find_distribution("trixie"), "/k.gpg"),
              HasSubstr("Check-Valid-Until: no\n"));
}

class HostMirrorTest : public DirectoryTest {
 protected:
  void TearDown() override {
    ::unsetenv("KOBOX_DEBIAN_MIRROR");
    ::unsetenv("KOBOX_DEBIAN_SECURITY_MIRROR");
  }
};

// By the host's own apt-get, which has fetched nothing of these.
TEST_F(HostMirrorTest, ReadsAllFilesThatAptReads) {
  write("sources.list", "# deb http://no.example/debian bookworm main\n");
  write("sources.list.d/ignored.bak", "deb http://bak.example/debian bookworm main\n");
  write("sources.list.d/security.list",
        "deb [ arch=arm64,amd64 ] http://s.example/debian bookworm/updates main # ours\n");
  write("sources.list.d/debian.sources", R"(# the container's own
Types: deb deb-src
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian/ http://other.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example/debian
Suites: bookworm bookworm-updates
Components: main
Enabled: no
)");
  const auto mirror = host_mirror(path());
  ASSERT_TRUE(mirror) << mirror.error().to_string();
  EXPECT_EQ(mirror->archive, "http://mirror.example/debian");
  EXPECT_EQ(mirror->security, "http://s.example/debian");
}

TEST_F(HostMirrorTest, WhatAptRefusesIsSaidInItsWords) {
  write("sources.list", "deb [broken http://e.example\n");
  const auto mirror = host_mirror(path());
  ASSERT_FALSE(mirror);
  EXPECT_THAT(mirror.error().to_string(), HasSubstr("(apt: Malformed entry 1 in list file "));
  EXPECT_THAT(mirror.error().to_string(), HasSubstr("set KOBOX_DEBIAN_MIRROR"));
}

TEST_F(HostMirrorTest, WithoutOneSaysWhatToSet) {
  const auto mirror = host_mirror(path());
  ASSERT_FALSE(mirror);
  EXPECT_EQ(mirror.error().kind(), ErrorKind::environment);
  EXPECT_THAT(mirror.error().to_string(), HasSubstr("set KOBOX_DEBIAN_MIRROR"));
}

TEST_F(HostMirrorTest, TheVariableWins) {
  write("sources.list", "deb http://mirror.example/debian bookworm main\n");
  ::setenv("KOBOX_DEBIAN_MIRROR", "http://set.example/debian", 1);
  EXPECT_EQ(host_mirror(path())->archive, "http://set.example/debian");
  EXPECT_EQ(host_mirror(path())->security, "");
}

}  // namespace
}  // namespace kobox
