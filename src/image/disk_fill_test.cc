// SPDX-License-Identifier: GPL-2.0-or-later
// Makes small file systems and looks into them with debugfs and e2fsck (e2fsprogs).
#include "image/disk_fill.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr std::uint64_t k_size = std::uint64_t{128} << 20;

class TarMaker {
 public:
  explicit TarMaker(const fs::path& path) : tar_(archive_write_new()) {
    archive_write_set_format_pax_restricted(tar_);
    archive_write_open_filename(tar_, path.c_str());
  }
  TarMaker(const TarMaker&) = delete;
  TarMaker& operator=(const TarMaker&) = delete;
  ~TarMaker() { archive_write_free(tar_); }

  void add(const char* path, unsigned type, unsigned mode, const std::string& text = "",
           int owner = 0) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, mode);
    archive_entry_set_uid(entry, owner);
    archive_entry_set_gid(entry, owner);
    archive_entry_set_mtime(entry, 1000000000, 0);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, text.c_str());
    if (type == 0) archive_entry_set_hardlink(entry, text.c_str());
    const bool has_data = type == AE_IFREG;
    archive_entry_set_size(entry, has_data ? static_cast<la_int64_t>(text.size()) : 0);
    if (type == AE_IFREG && std::string(path).ends_with("ping"))
      archive_entry_xattr_add_entry(entry, "security.capability", "\1\0\0\2\0\40\0\0", 8);
    EXPECT_EQ(archive_write_header(tar_, entry), ARCHIVE_OK);
    if (has_data) archive_write_data(tar_, text.data(), text.size());
    archive_entry_free(entry);
  }

 private:
  archive* tar_;
};

class DiskFillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TarMaker tar(path("system.tar"));
    tar.add("./", AE_IFDIR, 0755);
    tar.add("./etc/", AE_IFDIR, 0755);
    tar.add("./etc/hostname", AE_IFREG, 0644, "the builder's own\n");
    tar.add("./etc/shadow", AE_IFREG, 0640, "root::\n", 42);
    tar.add("./bin", AE_IFLNK, 0777, "usr/bin");
    tar.add("./dev/", AE_IFDIR, 0755);
    tar.add("./dev/null", AE_IFREG, 0666);
    tar.add("./home/", AE_IFDIR, 0755);
    tar.add("./home/user/", AE_IFDIR, 0700, "", 100000);
    tar.add("./usr/", AE_IFDIR, 0755);
    tar.add("./usr/su", AE_IFREG, 04755, std::string(300'000, 'x'));
    tar.add("./usr/sg", 0, 0, "./usr/su");
    tar.add("./usr/ping", AE_IFREG, 0755, "p");
    tar.add("./usr/many/", AE_IFDIR, 0755);
    for (int i = 0; i < 300; ++i)
      tar.add(fmt::format("./usr/many/a-rather-long-name-for-a-file-{}", i).c_str(), AE_IFREG,
              0644);
    for (const auto* directory :
         {"./usr/lib/", "./usr/lib/grub/", "./usr/lib/grub/i386-pc/", "./boot/", "./boot/grub/"})
      tar.add(directory, AE_IFDIR, 0755);
    tar.add("./usr/lib/grub/i386-pc/boot.img", AE_IFREG, 0644, std::string(512, 'B'));
    tar.add("./boot/grub/core.img", AE_IFREG, 0644, std::string(30'000, 'C'));
  }
  fs::path path(const std::string& name) const { return temp_->path() / name; }
  Result<DiskTexts> write(const std::string& name, std::uint64_t size = k_size) const {
    return write_disk(path("system.tar"), path(name), size, additions_, {"etc/shadow"},
                      [](std::uint64_t) {});
  }
  std::string look(const std::string& request) const {
    const auto done = run_command(
        {.argv = {"debugfs", "-R", request, path("disk").string() + "?offset=1048576"}});
    return done ? done->output : done.error().to_string();
  }

  Result<TempDir> temp_ = TempDir::make(fs::temp_directory_path(), "kobox-test-");
  std::vector<DiskFile> additions_ = {
      {.path = "etc/hostname", .content = "kobox\n", .attributes = {.modified = k_disk_epoch}},
      {.kind = DiskFile::Kind::directory,
       .path = "kobox",
       .content = {},
       .attributes = {.mode = 0700}},
      {.kind = DiskFile::Kind::link,
       .path = "kobox/link",
       .content = "/dev/null",
       .attributes = {}},
  };
};

TEST_F(DiskFillTest, TheTarsFilesAreThereWithOwnersAndModes) {
  const auto texts = write("disk");
  ASSERT_TRUE(texts) << texts.error().to_string();
  EXPECT_EQ(texts->at("etc/shadow"), "root::\n");
  const auto checked = run_command(
      {.argv = {"e2fsck", "-fn", path("disk").string() + "?offset=1048576"}}, {}, Streams::merged);
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->status.success()) << checked->output;
  EXPECT_THAT(look("stat etc/shadow"), HasSubstr("Mode:  0640"));
  EXPECT_THAT(look("stat etc/shadow"), MatchesRegex("(.|\n)*User: +42 +Group: +42(.|\n)*"));
  EXPECT_THAT(look("stat home/user"), MatchesRegex("(.|\n)*User: +100000 +Group: +100000(.|\n)*"));
  EXPECT_THAT(look("stat usr/su"), HasSubstr("Mode:  04755"));
  EXPECT_THAT(look("stat usr/su"), HasSubstr("Links: 2"));
  EXPECT_THAT(look("stat usr/su"), HasSubstr("2001"));  // mtime: 1000000000
  EXPECT_THAT(look("stat bin"), HasSubstr("Fast link dest: \"usr/bin\""));
  EXPECT_THAT(look("ea_list usr/ping"), HasSubstr("security.capability"));
  EXPECT_THAT(look("ls -l usr/many"), HasSubstr("a-rather-long-name-for-a-file-299"));
  EXPECT_THAT(look("ls dev"), Not(HasSubstr("null"))) << "the kernel makes these";
}

TEST_F(DiskFillTest, WhatKoboxAddsTakesThePlaceOfTheTarsOwn) {
  ASSERT_TRUE(write("disk"));
  EXPECT_EQ(look("cat etc/hostname"), "kobox\n");
  EXPECT_THAT(look("stat kobox"), HasSubstr("Mode:  0700"));
  EXPECT_THAT(look("stat kobox/link"), HasSubstr("/dev/null"));
}

TEST_F(DiskFillTest, TheSameInputsGiveTheSameBytes) {
  ASSERT_TRUE(write("disk"));
  ASSERT_TRUE(write("again"));
  EXPECT_TRUE(*read_file(path("disk")) == *read_file(path("again")));
}

TEST_F(DiskFillTest, AnImageThatIsTooSmallIsAClearError) {
  std::string large(110 << 20, 'x');
  additions_.push_back({.path = "large", .content = large, .attributes = {}});
  const auto texts = write("small");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error().kind(), ErrorKind::environment);
  EXPECT_THAT(texts.error().to_string(), HasSubstr("too small: no space in it for large"));
}

TEST_F(DiskFillTest, ATarThatIsNone) {
  ASSERT_TRUE(write_file(path("system.tar"), std::string(5000, 'x')));
  const auto texts = write("disk");
  ASSERT_FALSE(texts);
  EXPECT_THAT(texts.error().to_string(), HasSubstr("cannot read the system's tar"));
}

TEST(BootSectorsTest, HaveATableAfterTheFirstStage) {
  const auto bytes =
      boot_sectors(std::string(512, 'B'), std::string(1000, 'C'), std::uint64_t{10} << 30);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 1512U);
  EXPECT_EQ(bytes->substr(0, 440), std::string(440, 'B'));
  EXPECT_EQ(bytes->substr(510, 2), "\x55\xaa");
  EXPECT_EQ(bytes->substr(446, 1), "\x80");
  EXPECT_EQ(bytes->substr(450, 1), "\x83");
  EXPECT_EQ(bytes->substr(454, 8), std::string("\0\x08\0\0\0\xf8\x3f\x01", 8));
  EXPECT_EQ((*bytes)[512], 'C');
  EXPECT_FALSE(boot_sectors("short", "C", k_size));
  EXPECT_FALSE(boot_sectors(std::string(512, 'B'), std::string(1 << 20, 'C'), k_size));
  EXPECT_FALSE(boot_sectors(std::string(512, 'B'), "", k_size));
}

TEST(InstalledPackagesTest, AreThoseThatDpkgCallsInstalled) {
  EXPECT_THAT(installed_packages("Package: zsh\nStatus: install ok installed\nVersion: 5.9\n\n"
                                 "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
                                 "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\n"),
              ElementsAre("bash 5.2-1", "zsh 5.9"));
  EXPECT_TRUE(installed_packages("").empty());
}

}  // namespace
}  // namespace kobox
