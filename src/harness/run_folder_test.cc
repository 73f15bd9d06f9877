// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/run_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;

class RunFolderTest : public ::testing::Test {
 protected:
  const fs::path& state() const { return state_.path(); }
  std::ptrdiff_t count() const {
    return std::distance(fs::directory_iterator(state() / "runs"), {});
  }
  TempDir state_ = TempDir::make(fs::temp_directory_path(), "kobox-run-folder-test").value();
};

TEST_F(RunFolderTest, IsPrivateAndGoesAway) {
  fs::path path;
  {
    const auto folder = RunFolder::make(state(), false).value();
    path = folder.path();
    EXPECT_EQ(path.parent_path(), state() / "runs");
    struct stat info = {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0700U);
    ASSERT_TRUE(write_file(path / "deep/console.log", "x"));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(RunFolderTest, StaysWhenWanted) {
  fs::path asked_for, failed;
  {
    asked_for = RunFolder::make(state(), true).value().path();
    auto folder = RunFolder::make(state(), false).value();
    failed = folder.path();
    folder.keep();
  }
  EXPECT_TRUE(fs::exists(asked_for));
  EXPECT_TRUE(fs::exists(failed));
}

TEST_F(RunFolderTest, MovingKeepsOneOwner) {
  std::optional<RunFolder> later;
  {
    auto folder = RunFolder::make(state(), false).value();
    later.emplace(std::move(folder));
  }
  EXPECT_TRUE(fs::exists(later->path()));
  later.reset();
  EXPECT_EQ(count(), 0);
}

TEST_F(RunFolderTest, AssigningToAKeptOneLeavesItsFolder) {
  auto folder = RunFolder::make(state(), false).value();
  folder.keep();
  const auto kept = folder.path();
  folder = RunFolder::make(state(), false).value();
  EXPECT_TRUE(fs::exists(kept));
  EXPECT_TRUE(fs::exists(folder.path()));
}

TEST_F(RunFolderTest, OnlyTheNewestHundredStay) {
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 105; ++i) {
    const auto folder = state() / "runs" / fmt::format("run.{}", i);
    ASSERT_TRUE(write_file(folder / "console.log", "x"));
    fs::last_write_time(folder, now - std::chrono::hours(1 + i));
  }
  const auto folder = RunFolder::make(state(), false).value();
  EXPECT_EQ(count(), 100);
  EXPECT_TRUE(fs::exists(folder.path()));
  EXPECT_TRUE(fs::exists(state() / "runs/run.98"));
  EXPECT_FALSE(fs::exists(state() / "runs/run.99"));
}

TEST_F(RunFolderTest, AStateFolderThatCannotBeWritten) {
  ASSERT_TRUE(write_file(state() / "file", ""));
  const auto folder = RunFolder::make(state() / "file", false);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().kind(), ErrorKind::environment);
}

}  // namespace
}  // namespace kobox
