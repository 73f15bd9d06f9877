// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/template_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kobox {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t k_memory = std::uint64_t{8} << 20;
constexpr off_t k_first = 4096 * 3 + 100, k_second = 4096 * 1000;

class TemplateDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    snapshot_.spec.memory = k_memory;
    snapshot_.memory = make_guest_memory(k_memory).value();
    snapshot_.state = make_memory_file("state").value();
    poke(snapshot_.memory, k_first, "some page");
    poke(snapshot_.memory, k_second, "another");
    poke(snapshot_.state, 0, "QEVM and so on");
    snapshot_.standing = {.hello = {.protocol = 1, .release = "6.1.0-test"},
                          .unread = std::string("\x05\x00\xFF", 3),
                          .records = {},
                          .settings = {.watchdog_s = 3, .hung_task_s = 4, .console_level = 8}};
    snapshot_.console.append("\x1b[31mnot text \xFF");
    const auto written = write_template_directory(directory_.path(), "key", snapshot_);
    ASSERT_TRUE(written) << written.error().to_string();
  }
  static void poke(const Fd& file, off_t at, std::string_view text) {
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), at),
              static_cast<ssize_t>(text.size()));
  }
  void poke(const char* part, off_t at, std::string_view text) const {
    poke(Fd(::open((directory_.path() / part).c_str(), O_RDWR)), at, text);
  }
  static std::string peek(const Fd& file, off_t at, std::size_t size) {
    std::string text(size, '?');
    EXPECT_EQ(::pread(file.get(), text.data(), size, at), static_cast<ssize_t>(size));
    return text;
  }
  Result<GuestSnapshot> read(const std::string& key = "key") const {
    return read_template_directory(directory_.path(), key, snapshot_.spec, Accel::tcg);
  }
  void expect_refused(const char* why) const {
    const auto again = read();
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message(), HasSubstr(why));
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-template").value();
  GuestSnapshot snapshot_;
};

TEST_F(TemplateDirectoryTest, GivesBackWhatWasSaved) {
  const auto again = read();
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(peek(again->memory, k_first, 9), "some page");
  EXPECT_EQ(peek(again->memory, k_second, 7), "another");
  EXPECT_EQ(peek(again->memory, 0, 4), std::string(4, '\0'));
  EXPECT_EQ(peek(again->state, 0, 14), "QEVM and so on");
  EXPECT_EQ(again->standing.hello.release, "6.1.0-test");
  EXPECT_EQ(again->standing.unread, snapshot_.standing.unread);
  EXPECT_EQ(again->standing.settings.hung_task_s, 4);
  EXPECT_EQ(again->console.text(), snapshot_.console.text());
}

TEST_F(TemplateDirectoryTest, EmptyPagesTakeNoRoom) {
  struct stat info = {};
  ASSERT_EQ(::stat((directory_.path() / "memory").c_str(), &info), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), k_memory);
  EXPECT_LT(info.st_blocks * 512, 64 * 1024);
}

TEST_F(TemplateDirectoryTest, AChangedByteIsNoticed) {
  poke("memory", k_second + 3, "X");
  expect_refused("its memory is not what was saved");
}

TEST_F(TemplateDirectoryTest, AByteInAnEmptyPageIsNoticed) {
  poke("memory", 4096 * 500, "X");
  expect_refused("its memory is not what was saved");
}

TEST_F(TemplateDirectoryTest, AChangedStateIsNoticed) {
  poke("state", 2, "X");
  expect_refused("its state is not what was saved");
}

TEST_F(TemplateDirectoryTest, ATruncatedMemoryIsNoticed) {
  fs::resize_file(directory_.path() / "memory", k_memory / 2);
  expect_refused("its memory was cut off");
}

TEST_F(TemplateDirectoryTest, ATruncatedStateIsNoticed) {
  fs::resize_file(directory_.path() / "state", 3);
  expect_refused("its state is not what was saved");
}

TEST_F(TemplateDirectoryTest, ADamagedManifestIsNoticed) {
  poke("manifest", 10, "X");
  expect_refused("its manifest is damaged");
  fs::resize_file(directory_.path() / "manifest", 7);
  expect_refused("its manifest is damaged");
}

TEST_F(TemplateDirectoryTest, AnotherTemplatesDirectoryIsRefused) {
  const auto again = read("another key");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message(), HasSubstr("made from something else"));
}

TEST_F(TemplateDirectoryTest, AMissingPartIsNoticed) {
  fs::remove(directory_.path() / "state");
  expect_refused("its state cannot be opened");
}

// Restored from a backup, say: other inodes and times, the same contents.
TEST_F(TemplateDirectoryTest, ACopyIsReadThroughAndThenBelieved) {
  const auto copy = directory_.path() / "copy";
  fs::create_directory(copy);
  for (const char* part : {"memory", "state", "manifest", "checked"})
    fs::copy_file(directory_.path() / part, copy / part);
  const auto before = read_file(copy / "checked").value();
  EXPECT_TRUE(read_template_directory(copy, "key", snapshot_.spec, Accel::tcg));
  EXPECT_NE(read_file(copy / "checked").value(), before);
}

TEST_F(TemplateDirectoryTest, ForgettingTheCheckMakesTheNextUseReadAll) {
  forget_check(directory_.path());
  EXPECT_FALSE(fs::exists(directory_.path() / "checked"));
  EXPECT_TRUE(read());
  EXPECT_TRUE(fs::exists(directory_.path() / "checked"));
}

TEST(CopySparse, KeepsContentsAndHoles) {
  const auto from = make_guest_memory(k_memory).value();
  const auto to = make_guest_memory(k_memory).value();
  const std::string text(10'000, 'x');
  ASSERT_EQ(::pwrite(from.get(), text.data(), text.size(), k_second), 10'000);
  ASSERT_TRUE(copy_sparse(from, to));
  std::string again(text.size(), '\0');
  EXPECT_EQ(::pread(to.get(), again.data(), again.size(), k_second), 10'000);
  EXPECT_EQ(again, text);
  struct stat info = {};
  ASSERT_EQ(::fstat(to.get(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 64 * 1024);
}

}  // namespace
}  // namespace kobox
