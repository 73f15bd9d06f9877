// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/run_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;

class RunDirectoryTest : public ::testing::Test {
 protected:
  const fs::path& state() const { return state_.path(); }
  std::ptrdiff_t count() const {
    return std::distance(fs::directory_iterator(state() / "runs"), {});
  }
  TempDir state_ = TempDir::make(fs::temp_directory_path(), "kobox-run-directory-test").value();
};

TEST_F(RunDirectoryTest, IsPrivateAndGoesAway) {
  fs::path path;
  {
    const auto directory = RunDirectory::make(state(), false).value();
    path = directory.path();
    EXPECT_EQ(path.parent_path(), state() / "runs");
    struct stat info = {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0700U);
    ASSERT_TRUE(write_file(path / "deep/console.log", "x"));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(RunDirectoryTest, StaysWhenWanted) {
  fs::path asked_for, failed;
  {
    asked_for = RunDirectory::make(state(), true).value().path();
    auto directory = RunDirectory::make(state(), false).value();
    failed = directory.path();
    directory.keep();
  }
  EXPECT_TRUE(fs::exists(asked_for));
  EXPECT_TRUE(fs::exists(failed));
}

TEST_F(RunDirectoryTest, MovingKeepsOneOwner) {
  std::optional<RunDirectory> later;
  {
    auto directory = RunDirectory::make(state(), false).value();
    later.emplace(std::move(directory));
  }
  EXPECT_TRUE(fs::exists(later->path()));
  later.reset();
  EXPECT_EQ(count(), 0);
}

TEST_F(RunDirectoryTest, AssigningToAKeptOneLeavesItsDirectory) {
  auto directory = RunDirectory::make(state(), false).value();
  directory.keep();
  const auto kept = directory.path();
  directory = RunDirectory::make(state(), false).value();
  EXPECT_TRUE(fs::exists(kept));
  EXPECT_TRUE(fs::exists(directory.path()));
}

TEST_F(RunDirectoryTest, OnlyTheNewestHundredStay) {
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 105; ++i) {
    const auto directory = state() / "runs" / fmt::format("run.{}", i);
    ASSERT_TRUE(write_file(directory / "console.log", "x"));
    fs::last_write_time(directory, now - std::chrono::hours(1 + i));
  }
  const auto directory = RunDirectory::make(state(), false).value();
  EXPECT_EQ(count(), 100);
  EXPECT_TRUE(fs::exists(directory.path()));
  EXPECT_TRUE(fs::exists(state() / "runs/run.98"));
  EXPECT_FALSE(fs::exists(state() / "runs/run.99"));
}

TEST_F(RunDirectoryTest, AStateDirectoryThatCannotBeWritten) {
  ASSERT_TRUE(write_file(state() / "file", ""));
  const auto directory = RunDirectory::make(state() / "file", false);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().kind(), ErrorKind::environment);
}

}  // namespace
}  // namespace kobox
