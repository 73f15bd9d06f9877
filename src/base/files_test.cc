// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::make(fs::temp_directory_path(), "kobox-files-test");
    ASSERT_TRUE(made);
    directory_.emplace(std::move(*made));
  }
  const fs::path& path() { return directory_->path(); }
  std::optional<TempDir> directory_;
};

TEST_F(FilesTest, WritesReadsAndReplaces) {
  const auto file = path() / "a/b/c";
  ASSERT_TRUE(write_file(file, "one"));
  ASSERT_TRUE(write_file(file, std::string_view("t\0wo", 4)));
  EXPECT_EQ(read_file(file).value(), std::string_view("t\0wo", 4));
  EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), {}), 1);
}

TEST_F(FilesTest, ErrorsNameThePath) {
  auto missing = read_file(path() / "missing");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("missing: No such file"));
  ASSERT_TRUE(write_file(path() / "big", "12345"));
  EXPECT_FALSE(read_file(path() / "big", 4));
  EXPECT_FALSE(write_file("/proc/kobox/x", ""));
}

TEST_F(FilesTest, OnlyARegularFileIsReadOfOneThatIsNotTrusted) {
  ASSERT_TRUE(write_file(path() / "file", "text"));
  EXPECT_EQ(read_regular_file(path() / "file").value(), "text");
  EXPECT_FALSE(read_regular_file(path() / "file", 3));
  ASSERT_EQ(::mkfifo((path() / "fifo").c_str(), 0600), 0);
  fs::create_symlink("file", path() / "link");
  EXPECT_THAT(read_regular_file(path() / "fifo").error().to_string(),
              HasSubstr("fifo is not a regular file"));
  EXPECT_FALSE(read_regular_file(path() / "link"));
  EXPECT_FALSE(read_regular_file(path()));
}

TEST_F(FilesTest, TempDirIsPrivateAndGoesAway) {
  fs::path kept;
  {
    auto temp = TempDir::make(path(), "t");
    ASSERT_TRUE(temp);
    kept = temp->path();
    struct stat info = {};
    ASSERT_EQ(::stat(kept.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    ASSERT_TRUE(write_file(kept / "x/y", "z"));
  }
  EXPECT_FALSE(fs::exists(kept));
}

TEST_F(FilesTest, LocksExcludeEachOther) {
  const auto file = path() / "lock";
  auto shared = FileLock::try_acquire(file, LockMode::shared);
  ASSERT_TRUE(shared && *shared);
  EXPECT_TRUE(FileLock::try_acquire(file, LockMode::shared)->has_value());
  EXPECT_FALSE(FileLock::try_acquire(file, LockMode::exclusive)->has_value());
  auto late = FileLock::acquire(file, LockMode::exclusive, Deadline::after(50ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), ErrorKind::timeout);
  shared->reset();
  EXPECT_TRUE(FileLock::acquire(file, LockMode::exclusive, Deadline::after(5s)));
}

TEST(Digest, TellsPiecesApart) {
  EXPECT_NE(Digest().add("ab").add("c").hex(), Digest().add("a").add("bc").hex());
  EXPECT_EQ(Digest().add("ab").hex(), Digest().add("ab").hex());
  EXPECT_EQ(Digest().add("").hex().size(), 32U);
}

TEST(Xdg, IgnoresARelativePath) {
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  ::setenv("HOME", "/home/u", 1);
  EXPECT_EQ(cache_directory().value(), "/home/u/.cache/kobox");
  ::setenv("XDG_CACHE_HOME", "/c", 1);
  EXPECT_EQ(cache_directory().value(), "/c/kobox");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_FALSE(cache_directory());
}

}  // namespace
}  // namespace kobox
