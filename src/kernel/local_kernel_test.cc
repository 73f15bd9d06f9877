// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/local_kernel.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "kernel/cache.h"
#include "kernel/store_fixture.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LocalKernelTest : public StoreTest {};

TEST_F(LocalKernelTest, AVmlinuzAnywhere) {
  write("dist/boot/vmlinuz", make_bzimage("6.9.1-mine"));
  write("dist/lib/modules/6.9.1-mine/modules.builtin", "");
  const auto selector = (path() / "dist/boot/vmlinuz").string();
  const auto kernel = ensure(selector, Network::forbidden);
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->release, "6.9.1-mine");
  EXPECT_EQ(kernel->version, "");
  EXPECT_EQ(read_file(kernel->vmlinux).value(), make_vmlinux());
  EXPECT_EQ(kernel->modules, fs::canonical(path() / "dist/lib/modules/6.9.1-mine"));
  EXPECT_EQ(kernel->headers, "");
  EXPECT_TRUE(use_lock(*kernel));
  EXPECT_EQ(ensure(selector)->identity, kernel->identity);
  write("dist/lib/modules/6.9.1-mine/modules.builtin", "kernel/x.ko\n");
  EXPECT_NE(ensure(selector)->identity, kernel->identity);
  EXPECT_THAT(store().fetched().value(), IsEmpty());
  EXPECT_EQ(calls(), "");
}

TEST_F(LocalKernelTest, AnImageAmongItsModulesHasThemAndTheirHeaders) {
  const std::string modules = "unpacked/usr/lib/modules/7.3.4-cloud-amd64/";
  write(modules + "vmlinuz", make_bzimage("7.3.4-cloud-amd64"));
  write("unpacked/usr/src/linux-headers-7.3.4/Makefile", "");
  fs::create_symlink("../../../src/linux-headers-7.3.4", path() / (modules + "build"));
  write("lib/modules/7.3.4-cloud-amd64/modules.builtin", "");
  const auto kernel = ensure((path() / modules / "vmlinuz").string());
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->modules, fs::canonical(path() / modules)) << "not the host's";
  EXPECT_EQ(kernel->headers, fs::canonical(path() / "unpacked/usr/src/linux-headers-7.3.4"));
}

TEST_F(LocalKernelTest, WhatIsNoKernelIsSaid) {
  write("text", "hello");
  write("elf", make_vmlinux());
  const auto message = [&](const std::string& name) {
    const auto kernel = ensure((path() / name).string());
    return kernel ? "" : kernel.error().to_string();
  };
  EXPECT_THAT(message("text"), HasSubstr("not a bzImage"));
  EXPECT_THAT(message("elf"), HasSubstr("ELF file, not a bzImage"));
  EXPECT_THAT(message("absent"), HasSubstr("there is no kernel image"));
  EXPECT_THAT(message("etc"), HasSubstr("is a directory, but no kernel's"));
}

TEST_F(LocalKernelTest, TheHostsOwn) {
  const auto missing = ensure("host");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), ErrorKind::environment);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("boot/vmlinuz-6.1.5 is not there"));
  write("boot/vmlinuz-6.1.5", make_bzimage("6.1.5"));
  write("lib/modules/6.1.5/build/Makefile", "");
  const auto kernel = ensure("host");
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->modules, fs::canonical(path() / "lib/modules/6.1.5"));
  EXPECT_EQ(kernel->headers, fs::canonical(path() / "lib/modules/6.1.5/build"));
  fs::rename(path() / "boot/vmlinuz-6.1.5", path() / "lib/modules/6.1.5/vmlinuz");
  EXPECT_EQ(ensure("host").value().vmlinuz, fs::canonical(path() / "lib/modules/6.1.5/vmlinuz"));
  fs::rename(path() / "lib/modules/6.1.5/vmlinuz", path() / "boot/vmlinuz-6.1.5");
  if (::geteuid() == 0) return;  // who reads everything
  ::chmod((path() / "boot/vmlinuz-6.1.5").c_str(), 0);
  EXPECT_THAT(ensure("host").error().to_string(), HasSubstr("not for ordinary users"));
}

}  // namespace
}  // namespace kobox
