// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/boot_memory.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

constexpr const char* k_qemu = "/bin/true";

Kernel kernel(const std::string& identity) {
  return {.release = "6.9.1",
          .vmlinuz = "/v",
          .vmlinux = "/x",
          .pvh = true,
          .headers = {},
          .modules = {},
          .compiler = {},
          .identity = identity};
}

TEST(BootMemory, AKernelThatNeedsItsBzImageIsKnownByItsIdentity) {
  const auto cache = TempDir::make(fs::temp_directory_path(), "kobox-boot-test").value();
  EXPECT_TRUE(as_it_boots(kernel("one"), k_qemu, cache.path()).pvh);
  remember_bzimage(kernel("one"), k_qemu, cache.path());
  EXPECT_FALSE(as_it_boots(kernel("one"), k_qemu, cache.path()).pvh);
  EXPECT_TRUE(as_it_boots(kernel("two"), k_qemu, cache.path()).pvh);
  EXPECT_TRUE(as_it_boots(kernel("one"), "/bin/false", cache.path()).pvh) << "another QEMU";
  auto no_image = kernel("one");
  no_image.vmlinuz.clear();
  EXPECT_TRUE(as_it_boots(no_image, k_qemu, cache.path()).pvh) << "there is nothing else";
}

TEST(BootMemory, ADamagedFileCountsAsEmpty) {
  const auto cache = TempDir::make(fs::temp_directory_path(), "kobox-boot-test").value();
  for (const std::string text : {"", "{", "[]", "null", R"({"one": 1})", R"({"one": "PVH"})"}) {
    ASSERT_TRUE(write_file(cache.path() / "boot.json", text));
    EXPECT_TRUE(as_it_boots(kernel("one"), k_qemu, cache.path()).pvh) << text;
  }
  remember_bzimage(kernel("one"), k_qemu, cache.path());
  EXPECT_FALSE(as_it_boots(kernel("one"), k_qemu, cache.path()).pvh);
  remember_bzimage(kernel("one"), k_qemu, "/dev/null/nowhere");
}

}  // namespace
}  // namespace kobox
