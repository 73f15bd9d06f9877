// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_directory.h"

#include <gmock/gmock.h>

#include "archive/made_files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

class KernelDirectoryTest : public DirectoryTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    write("k/vmlinuz", "image");
    write("k/vmlinux", "elf");
    write("k/modules/kernel/a.ko", "module");
    stored_.kernel = {.release = "6.1.0-56-amd64",
                      .vmlinuz = path() / "k/vmlinuz",
                      .vmlinux = path() / "k/vmlinux",
                      .pvh = true,
                      .modules = path() / "k/modules",
                      .compiler = "gcc-12"};
    ASSERT_TRUE(save_kernel(path() / "k", stored_));
  }
  std::string damage() {
    const auto loaded = load_kernel(path() / "k");
    return loaded ? "" : loaded.error().to_string();
  }
  StoredKernel stored_;
};

TEST_F(KernelDirectoryTest, ComesBackAlsoFromAnotherPlace) {
  fs::rename(path() / "k", path() / "moved");
  const auto loaded = load_kernel(path() / "moved");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->kernel.release, "6.1.0-56-amd64");
  EXPECT_EQ(loaded->kernel.modules, path() / "moved/modules");
  EXPECT_EQ(loaded->kernel.headers, "");
  EXPECT_EQ(loaded->kernel.boot_image(), path() / "moved/vmlinux");
  EXPECT_EQ(loaded->kernel.identity, stored_.kernel.identity);
  EXPECT_GT(loaded->bytes, 0U);
}

TEST_F(KernelDirectoryTest, DamageIsNamed) {
  write("k/modules/kernel/a.ko", "mod");
  EXPECT_THAT(damage(), HasSubstr("modules/kernel/a.ko has 3 bytes instead of 6"));
  fs::remove(path() / "k/modules/kernel/a.ko");
  EXPECT_THAT(damage(), HasSubstr("modules/kernel/a.ko is missing"));
  write("k/kernel.json", "{");
  EXPECT_THAT(damage(), HasSubstr("kernel.json is damaged"));
  write("k/kernel.json", R"({"schema": "kobox.kernel/1"})");
  EXPECT_THAT(damage(), HasSubstr("another version"));
  write("k/kernel.json", R"({"schema": "kobox.kernel/2", "release": 5})");
  EXPECT_THAT(damage(), HasSubstr("kernel.json is damaged"));
}

TEST_F(KernelDirectoryTest, OnceCheckedItIsBelieved) {
  EXPECT_EQ(damage(), "");
  fs::remove(path() / "k/modules/kernel/a.ko");
  EXPECT_EQ(damage(), "") << "13,000 files were looked at once more";
  const auto loaded = load_kernel(path() / "k");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->kernel.identity, stored_.kernel.identity);
  EXPECT_EQ(loaded->kernel.vmlinux, path() / "k/vmlinux");
  EXPECT_EQ(loaded->bytes, stored_.bytes);
}

TEST_F(KernelDirectoryTest, ACopyIsCheckedAnew) {
  EXPECT_EQ(damage(), "");
  fs::remove(path() / "k/modules/kernel/a.ko");
  fs::rename(path() / "k", path() / "original");
  fs::copy(path() / "original", path() / "k", fs::copy_options::recursive);
  EXPECT_THAT(damage(), HasSubstr("modules/kernel/a.ko is missing"));
}

TEST_F(KernelDirectoryTest, WhatChangedSinceTheCheckIsNoticed) {
  for (const auto* name : {"k/vmlinux", "k/vmlinuz", "k/kernel.json", "k/checked"}) {
    EXPECT_EQ(damage(), "") << name;
    const auto before = read_file(path() / name).value();
    write(name, before + " ");
    if (std::string_view(name) == "k/vmlinux" || std::string_view(name) == "k/vmlinuz") {
      EXPECT_THAT(damage(), HasSubstr("bytes instead of")) << name;
    }
    write(name, before);
  }
  write("k/checked", "{\"stamp\": 1");
  EXPECT_EQ(damage(), "");
  fs::remove_all(path() / "k/modules");
  EXPECT_THAT(damage(), HasSubstr("is missing"));
}

TEST_F(KernelDirectoryTest, PathsStayInTheDirectory) {
  auto text = read_file(path() / "k/kernel.json").value();
  const std::string key = "\"vmlinux\": \"";
  text.replace(text.find(key), key.size(), key + "../");
  write("k/kernel.json", text);
  EXPECT_THAT(damage(), HasSubstr("outside"));
}

TEST_F(KernelDirectoryTest, IdentityChangesWithTheFiles) {
  const auto before = stored_.kernel.identity;
  write("k/vmlinux", "ELF");
  ASSERT_TRUE(save_kernel(path() / "k", stored_));
  EXPECT_NE(stored_.kernel.identity, before);
}

TEST_F(KernelDirectoryTest, ReadsTheCompiler) {
  const auto compiler = [&](const std::string& text) {
    write("h/.config", "CONFIG_X86=y\nCONFIG_CC_VERSION_TEXT=" + text + "\nCONFIG_Y=y\n");
    return compiler_of(path() / "h");
  };
  EXPECT_EQ(compiler("\"gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0\""), "gcc-12");
  EXPECT_EQ(compiler("\"x86_64-linux-gnu-gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0\""), "gcc-12");
  EXPECT_EQ(compiler("\"gcc (GCC) 13.2.1 20230801\""), "gcc-13");
  EXPECT_EQ(compiler("\"clang version 18.1.3 (x)\""), "clang-18");
  EXPECT_EQ(compiler("\"Debian clang version 16.0.6 (x)\""), "clang-16");
  EXPECT_EQ(compiler(""), "");
  fs::remove(path() / "h/.config");
  EXPECT_EQ(compiler_of(path() / "h"), "");
  write("h/include/config/auto.conf", "CONFIG_CC_VERSION_TEXT=gcc-14 (Debian 14) 14.1.0\n");
  EXPECT_EQ(compiler_of(path() / "h"), "gcc-14");
}

}  // namespace
}  // namespace kobox
