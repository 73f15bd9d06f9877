// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/guest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

class MayReplaceTest : public ::testing::Test {
 protected:
  MayReplaceTest() : temp_(TempDir::make(fs::temp_directory_path(), "collect-").value()) {}
  TempDir temp_;
};

TEST_F(MayReplaceTest, WhatIsNotThereAndWhatIsEmpty) {
  EXPECT_TRUE(may_replace(temp_.path() / "new"));
  EXPECT_TRUE(may_replace(temp_.path()));
}

TEST_F(MayReplaceTest, WhatWasCollectedBefore) {
  ASSERT_TRUE(write_file(temp_.path() / "root/out", "1"));
  ASSERT_TRUE(
      write_file(temp_.path() / ".collected-by-kobox", std::string("words\nroot/out\0", 15)));
  EXPECT_TRUE(may_replace(temp_.path()));
  ASSERT_TRUE(write_file(temp_.path() / "root/analysis", "of what was collected"));
  const auto may = may_replace(temp_.path());
  ASSERT_FALSE(may) << "one file is the user's";
  EXPECT_THAT(may.error().message(), HasSubstr("(analysis)"));
}

// As two `kobox test` of one project do.
TEST_F(MayReplaceTest, TwoThatCollectIntoOneDirectoryReplaceEachOthers) {
  const auto place = temp_.path() / "collected/a-test";
  const auto collect = [&](const std::string& who) -> Result<> {
    for (int i = 0; i < 100; ++i) {
      KOBOX_CHECK(may_replace(place));
      KOBOX_TRY(const auto beside, TempDir::make(place.parent_path(), ".collecting-"));
      const auto fresh = beside.path() / "files";
      KOBOX_CHECK(write_file(fresh / who, "1"));
      KOBOX_CHECK(write_file(fresh / ".collected-by-kobox", "words\n" + who + '\0'));
      KOBOX_CHECK(replace_collected(fresh, place));
    }
    return {};
  };
  Result<> other;
  std::thread thread([&] { other = collect("other"); });
  const auto one = collect("one");
  thread.join();
  EXPECT_TRUE(one) << one.error().to_string();
  EXPECT_TRUE(other) << other.error().to_string();
  EXPECT_TRUE(may_replace(place));
}

TEST(DefaultCollected, ProjectsOfOneNameHavePlacesOfTheirOwn) {
  const auto one = default_collected("/state", "/home/a/driver");
  EXPECT_NE(one, default_collected("/state", "/home/b/driver"));
  EXPECT_EQ(one, default_collected("/state", "/home/a/driver"));
  EXPECT_THAT(one.string(), ::testing::StartsWith("/state/collected/driver-"));
}

TEST_F(MayReplaceTest, NothingOfTheUsers) {
  ASSERT_TRUE(write_file(temp_.path() / "thesis.tex", "years of work"));
  for (const auto& path : {temp_.path(), temp_.path() / "thesis.tex"}) {
    const auto may = may_replace(path);
    ASSERT_FALSE(may) << path;
    EXPECT_EQ(may.error().kind(), ErrorKind::usage);
    EXPECT_THAT(may.error().message(), HasSubstr("name another directory with --collect-into"));
  }
  fs::create_directory_symlink(temp_.path(), temp_.path() / "link");
  EXPECT_FALSE(may_replace(temp_.path() / "link"));
}

}  // namespace
}  // namespace kobox
