// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/tar_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A tar as a guest may make it, wicked names included.
class GuestTar {
 public:
  GuestTar() : tar_(archive_write_new()) {
    archive_write_set_format_pax_restricted(tar_);
    archive_write_open(
        tar_, &bytes_, nullptr,
        [](archive*, void* bytes, const void* data, size_t size) {
          static_cast<std::string*>(bytes)->append(static_cast<const char*>(data), size);
          return static_cast<la_ssize_t>(size);
        },
        nullptr);
  }
  GuestTar(const GuestTar&) = delete;
  GuestTar& operator=(const GuestTar&) = delete;
  ~GuestTar() { archive_write_free(tar_); }

  GuestTar& add(const std::string& path, unsigned type, const std::string& text = "") {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 04777);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, text.c_str());
    if (type == 0) archive_entry_set_hardlink(entry, text.c_str());
    archive_entry_set_size(entry, type == AE_IFREG ? static_cast<la_int64_t>(text.size()) : 0);
    archive_write_header(tar_, entry);
    if (type == AE_IFREG) archive_write_data(tar_, text.data(), text.size());
    archive_entry_free(entry);
    return *this;
  }
  GuestTar& file(const std::string& path, const std::string& text = "text") {
    return add(path, AE_IFREG, text);
  }
  std::string take() {
    archive_write_close(tar_);
    return bytes_;
  }

 private:
  archive* tar_;
  std::string bytes_;
};

class TarFilesTest : public ::testing::Test {
 protected:
  Result<Unpacked> unpack(GuestTar& tar, const UnpackLimits& limits = {}) {
    return unpack_tar(tar.take(), directory(), limits);
  }
  void expect_refused(GuestTar& tar, const std::string& why, const UnpackLimits& limits = {}) {
    const auto unpacked = unpack(tar, limits);
    ASSERT_FALSE(unpacked);
    EXPECT_EQ(unpacked.error().kind(), ErrorKind::protocol);
    EXPECT_THAT(unpacked.error().to_string(), HasSubstr(why));
    EXPECT_FALSE(fs::exists(temp_->path() / "escaped"));
  }
  fs::path directory() const { return temp_->path() / "out"; }

  Result<TempDir> temp_ = TempDir::make(fs::temp_directory_path(), "kobox-test-");
};

TEST_F(TarFilesTest, FilesAndDirectoriesArrive) {
  GuestTar tar;
  tar.add("./root/", AE_IFDIR).file("./root/a", "A").file("deep/er/b", "BB").file("empty", "");
  const auto unpacked = unpack(tar);
  ASSERT_TRUE(unpacked) << unpacked.error().to_string();
  EXPECT_EQ(unpacked->files, 3U);
  EXPECT_EQ(unpacked->bytes, 3U);
  EXPECT_EQ(*read_file(directory() / "root/a"), "A");
  EXPECT_EQ(*read_file(directory() / "deep/er/b"), "BB");
  EXPECT_EQ(fs::status(directory() / "root/a").permissions() & fs::perms::set_uid, fs::perms::none);
}

TEST_F(TarFilesTest, SeveralInARowAreAsOne) {
  GuestTar first, second, third;
  const auto row = first.file("a/one", "1").take() + second.file("a/two", "22").take();
  const auto unpacked = unpack_tar(row, directory());
  ASSERT_TRUE(unpacked) << unpacked.error().to_string();
  EXPECT_EQ(unpacked->files, 2U);
  EXPECT_EQ(unpacked->bytes, 3U);
  EXPECT_EQ(*read_file(directory() / "a/two"), "22");
  fs::remove_all(directory());
  EXPECT_FALSE(unpack_tar(row + third.file("a/one").take(), directory())) << "twice";
}

TEST_F(TarFilesTest, NoPathLeadsOut) {
  GuestTar up;
  up.file("../escaped");
  expect_refused(up, "leads elsewhere");
  GuestTar deep;
  fs::remove_all(directory());
  deep.file("a/../../escaped");
  expect_refused(deep, "leads elsewhere");
  GuestTar absolute;
  fs::remove_all(directory());
  absolute.file((temp_->path() / "escaped").string());
  expect_refused(absolute, "must not be");
}

TEST_F(TarFilesTest, NoLinkIsMadeOrFollowed) {
  GuestTar tar;
  tar.add("link", AE_IFLNK, temp_->path().string())
      .file("link/escaped")
      .add("hard", 0, "/etc/passwd")
      .add("device", AE_IFCHR)
      .add("pipe", AE_IFIFO);
  const auto unpacked = unpack(tar);
  ASSERT_TRUE(unpacked) << unpacked.error().to_string();
  EXPECT_FALSE(fs::exists(temp_->path() / "escaped"));
  EXPECT_FALSE(fs::is_symlink(directory() / "link"));
  EXPECT_THAT(unpacked->left_out, ElementsAre("link", "hard", "device", "pipe"));
}

TEST_F(TarFilesTest, ALinkThatIsThereAlreadyIsNotFollowedEither) {
  fs::create_directory(directory());
  fs::create_symlink(temp_->path(), directory() / "link");
  GuestTar tar;
  tar.file("link/escaped");
  const auto unpacked = unpack(tar);
  ASSERT_FALSE(unpacked) << "a directory that is there is not unpacked into";
  EXPECT_FALSE(fs::exists(temp_->path() / "escaped"));
}

TEST_F(TarFilesTest, SizeAndNumberAreBounded) {
  GuestTar large;
  large.file("a", std::string(1000, 'a')).file("b", std::string(1000, 'b'));
  expect_refused(large, "more than 1.5 kB", {.bytes = 1500});
  GuestTar many;
  fs::remove_all(directory());
  for (int i = 0; i < 20; ++i) many.file(fmt::format("{}", i));
  expect_refused(many, "more than 10 files", {.entries = 10});
}

TEST_F(TarFilesTest, OneNameIsOneThing) {
  GuestTar twice;
  twice.file("a").file("a");
  expect_refused(twice, "a twice");
  GuestTar both;
  fs::remove_all(directory());
  both.file("a").file("a/b");
  expect_refused(both, "as a file and as a directory");
}

TEST_F(TarFilesTest, BrokenAndEmptyTars) {
  const auto garbage = unpack_tar(std::string(4096, 'x'), directory());
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().kind(), ErrorKind::protocol);
  fs::remove_all(directory());
  EXPECT_FALSE(unpack_tar("", directory()));
  fs::remove_all(directory());
  GuestTar nothing;
  const auto empty = unpack(nothing);
  ASSERT_TRUE(empty) << empty.error().to_string();
  EXPECT_EQ(empty->files, 0U);
  GuestTar tar;
  tar.file("a", std::string(5000, 'a'));
  const auto bytes = tar.take();
  fs::remove_all(directory());
  EXPECT_FALSE(unpack_tar(std::string_view(bytes).substr(0, 2000), directory()));
}

TEST_F(TarFilesTest, WhatIsPackedIsWhatComesOut) {
  ASSERT_TRUE(write_file(temp_->path() / "in/script", "#!/bin/sh\n"));
  const auto tar = pack_tar({{.relative = "x/script",
                              .origin = temp_->path() / "in/script",
                              .link = {},
                              .executable = true},
                             {.relative = "x/link", .origin = {}, .link = "script"}});
  ASSERT_TRUE(tar);
  const auto unpacked = unpack_tar(*tar, directory());
  ASSERT_TRUE(unpacked) << unpacked.error().to_string();
  EXPECT_EQ(*read_file(directory() / "x/script"), "#!/bin/sh\n");
  EXPECT_THAT(unpacked->left_out, ElementsAre("x/link"));
  EXPECT_FALSE(pack_tar({{.relative = "a", .origin = "/nowhere", .link = {}}}));
}

TEST(TarFiles, NamesAreBytes) {
  const auto temp = TempDir::make(fs::temp_directory_path(), "tar-").value();
  const std::vector<std::string> names = {"\u00dcbung.md", "latin-\xdc", std::string(180, 'x')};
  std::vector<TarFile> files;
  for (const auto& name : names) {
    ASSERT_TRUE(write_file(temp.path() / "from" / name, name));
    files.push_back({.relative = name, .origin = temp.path() / "from" / name});
  }
  const auto tar = pack_tar(files);
  ASSERT_TRUE(tar) << tar.error().to_string();
  ASSERT_TRUE(unpack_tar(*tar, temp.path() / "to", UnpackLimits{}));
  for (const auto& name : names) EXPECT_EQ(read_file(temp.path() / "to" / name).value_or(""), name);
}

}  // namespace
}  // namespace kobox
