// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/guest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    EXPECT_THAT(may.error().message(), HasSubstr("name another folder with --collect-into"));
  }
  fs::create_directory_symlink(temp_.path(), temp_.path() / "link");
  EXPECT_FALSE(may_replace(temp_.path() / "link"));
}

}  // namespace
}  // namespace kobox
