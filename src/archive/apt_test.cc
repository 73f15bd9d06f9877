// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/apt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

// apt's own words, of apt 2.6.
constexpr const char* k_missing =
    "E: The repository 'http://mirror.example/debian bullseye-backports Release' does not have a "
    "Release file.";

TEST(MissingSuites, AreNamedByApt) {
  EXPECT_THAT(missing_suites(k_missing), Optional(ElementsAre("bullseye-backports")));
  EXPECT_THAT(missing_suites(std::string("W: something\n") + k_missing + "\n"),
              Optional(ElementsAre("bullseye-backports")));
  // What apt says of one that it has fetched before.
  EXPECT_THAT(missing_suites("E: The repository 'http://mirror.example/debian buster-backports "
                             "Release' no longer has a Release file."),
              Optional(ElementsAre("buster-backports")));
  EXPECT_EQ(missing_suites(std::string(k_missing) + "\nE: Failed to fetch http://mirror.example"),
            std::nullopt);
  EXPECT_EQ(missing_suites("E: The repository 'http://m.example/debian trixie InRelease' is not "
                           "signed."),
            std::nullopt);
}

TEST(PrintUris, NamesPackages) {
  const auto packages = parse_print_uris(
      "'http://m.example/pool/make_4.3-4.1_amd64.deb' make_4.3-4.1_amd64.deb 396268 SHA256:ab\n"
      "'http://m.example/pool/libz_1%3a1.2.deb' zlib1g_1%3a1.2.13_amd64.deb 86 \n");
  ASSERT_TRUE(packages) << packages.error().to_string();
  ASSERT_EQ(packages->size(), 2U);
  EXPECT_EQ((*packages)[0].name, "make");
  EXPECT_EQ((*packages)[0].version, "4.3-4.1");
  EXPECT_EQ((*packages)[0].download_bytes, 396268U);
  EXPECT_EQ((*packages)[1].name, "zlib1g");
  EXPECT_EQ((*packages)[1].version, "1:1.2.13");
  EXPECT_TRUE(parse_print_uris("")->empty());
}

TEST(PrintUris, RefusesWhatItDoesNotKnow) {
  for (const auto* line : {"Reading package lists...", "'http://m.example/x' x 1 SHA256:a",
                           "'http://m.example/x' x_1_amd64.deb many SHA256:a"}) {
    const auto packages = parse_print_uris(line);
    ASSERT_FALSE(packages) << line;
    EXPECT_EQ(packages.error().kind(), ErrorKind::protocol);
    EXPECT_THAT(packages.error().to_string(), HasSubstr("not understood"));
  }
}

}  // namespace
}  // namespace kobox
