// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/apt_sources.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "archive/made_files.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* k_deb822 = R"(# the container's own
Types: deb
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security http://other.example/debian-security
Suites: bookworm-security
Components: main
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
)";

TEST(AptSources, ReadsDeb822) {
  const auto sources = parse_deb822_sources(k_deb822);
  ASSERT_THAT(sources, SizeIs(2));
  EXPECT_THAT(sources[0].uris, ElementsAre("http://mirror.example/debian"));
  EXPECT_THAT(sources[0].suites, ElementsAre("bookworm", "bookworm-updates"));
  EXPECT_THAT(sources[0].components, ElementsAre("main"));
  EXPECT_EQ(sources[0].signed_by, "/usr/share/keyrings/debian-archive-keyring.gpg");
  EXPECT_THAT(sources[1].uris, SizeIs(2));
  EXPECT_EQ(sources[1].check_valid_until, "no");
  EXPECT_THAT(parse_deb822_sources(""), IsEmpty());
  EXPECT_THAT(parse_deb822_sources(" x\n:\nrubbish\n\n\n"), IsEmpty());
}

TEST(AptSources, ReadsOneLineForm) {
  const auto sources = parse_one_line_sources(
      "# deb http://no.example/debian bookworm main\n"
      "deb http://mirror.example/debian bookworm main contrib # ours\n"
      "deb\t[ arch=arm64,amd64 signed-by=/k/debian-archive.gpg check-valid-until=no ] "
      "http://b.example/debian bookworm-security main\n"
      "deb [arch=arm64] http://c.example/debian bookworm main\n"
      "deb-src http://d.example/debian bookworm main\n"
      "deb [broken http://e.example\n"
      "deb\n"
      "deb http://f.example/debian\n");
  ASSERT_THAT(sources, SizeIs(3));
  EXPECT_THAT(sources[0].components, ElementsAre("main", "contrib"));
  EXPECT_EQ(sources[1].signed_by, "/k/debian-archive.gpg");
  EXPECT_EQ(sources[1].check_valid_until, "no");
  EXPECT_TRUE(sources[1].amd64);
  EXPECT_FALSE(sources[2].amd64);
}

TEST(AptSources, ThirdPartiesAreNotTakenForDebian) {
  const auto mirror = choose_mirror(
      parse_one_line_sources("deb [signed-by=/k/hashi.gpg] http://hashi.example bookworm main\n"
                             "deb http://docker.example/linux/debian bookworm stable\n"
                             "deb http://unsigned.example bookworm main\n"
                             "deb cdrom:[Debian]/ bookworm main\n"
                             "deb http://arm.example/debian stable non-free\n"
                             "deb http://mirror.example/debian trixie main\n"
                             "deb http://pgdg.example/debian bookworm-pgdg main\n"
                             "deb http://mirror.example/debian-security trixie-security main\n"));
  EXPECT_EQ(mirror.archive, "http://mirror.example/debian");
  EXPECT_EQ(mirror.security, "http://mirror.example/debian-security");
  const auto none =
      choose_mirror(parse_one_line_sources("deb http://archive.example/ubuntu jammy main\n"));
  EXPECT_EQ(none.archive, "");
}

TEST(AptSources, DebiansKeyIsTheSurestSign) {
  const auto mirror = choose_mirror(parse_one_line_sources(
      "deb http://vendor.example/debian bookworm main\n"
      "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no] "
      "http://plain.example/d bookworm main\n"));
  EXPECT_EQ(mirror.archive, "http://plain.example/d");
  EXPECT_TRUE(mirror.ignore_valid_until);
}

class HostMirrorTest : public FolderTest {
 protected:
  void TearDown() override {
    ::unsetenv("KOBOX_DEBIAN_MIRROR");
    ::unsetenv("KOBOX_DEBIAN_SECURITY_MIRROR");
  }
};

TEST_F(HostMirrorTest, ReadsAllFilesThatAptReads) {
  write("sources.list", "");
  write("sources.list.d/ignored.bak", "deb http://bak.example/debian bookworm main\n");
  write("sources.list.d/security.list", "deb http://s.example/debian bookworm/updates main\n");
  write("sources.list.d/debian.sources", k_deb822);
  const auto mirror = host_mirror(path());
  ASSERT_TRUE(mirror) << mirror.error().to_string();
  EXPECT_EQ(mirror->archive, "http://mirror.example/debian");
  EXPECT_EQ(mirror->security, "http://s.example/debian");
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
