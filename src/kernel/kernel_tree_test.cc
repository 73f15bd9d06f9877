// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_tree.h"

#include <gmock/gmock.h>

#include "kernel/cache.h"
#include "kernel/drivers.h"
#include "kernel/kernel_config.h"
#include "kernel/store_fixture.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class KernelTreeTest : public StoreTest {
 protected:
  // A tree that was built in place, with one driver and the sources of the kernel's own.
  void make_tree() {
    write("linux/Makefile", "");
    write("linux/scripts/Makefile.build", "");
    write("linux/kernel/fork.c", "");
    write("linux/.config", config());
    write("linux/arch/x86/boot/bzImage", make_bzimage("6.9.1-mine"));
    write("linux/Module.symvers", "");
    write("linux/include/config/kernel.release", "6.9.1-mine\n");
    write("linux/modules.order", "kernel/drivers/char/virtio_console.ko\nkernel/not/built.ko\n");
    write("linux/modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\n");
    write("linux/drivers/char/virtio_console.ko", make_ko(""));
  }
  static std::string config(std::string_view without = "") {
    std::string text = "# Linux/x86 6.9.1 Kernel Configuration\nCONFIG_X86_64=y\n";
    for (const auto& need : missing_options({}))
      if (need.option != without) text += config_line(need) + "\n";
    return text + "CONFIG_CC_VERSION_TEXT=\"gcc (GCC) 13.2.1\"\n";
  }
  fs::path tree() const { return path() / "linux"; }
  std::string refusal() {
    const auto kernel = ensure(tree().string(), Network::forbidden);
    if (kernel) return "";
    EXPECT_EQ(kernel.error().kind(), ErrorKind::usage);
    return kernel.error().to_string();
  }
};

TEST_F(KernelTreeTest, ImageModulesAndHeadersAreTheTrees) {
  make_tree();
  const auto kernel = ensure(tree().string(), Network::forbidden);
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->release, "6.9.1-mine");
  EXPECT_EQ(kernel->vmlinuz, fs::canonical(tree() / "arch/x86/boot/bzImage"));
  EXPECT_EQ(read_file(kernel->vmlinux).value(), make_vmlinux());
  EXPECT_TRUE(kernel->pvh);
  EXPECT_EQ(kernel->headers, fs::canonical(tree()));
  EXPECT_EQ(kernel->compiler, "gcc-13");
  EXPECT_TRUE(use_lock(*kernel));
  const auto drivers = modules_for(*kernel, {"virtio_pci", "virtio_console"}, Missing::is_error);
  ASSERT_TRUE(drivers) << drivers.error().to_string();
  ASSERT_EQ(drivers->size(), 1U);
  EXPECT_EQ(drivers->at(0).path, fs::canonical(tree() / "drivers/char/virtio_console.ko"));
}

// From 6.2 on modules.order names objects, by their places in the tree.
TEST_F(KernelTreeTest, ABuildDirectoryOfALaterKernel) {
  make_tree();
  fs::remove_all(tree() / "scripts");
  fs::create_directory(path() / "sources");
  fs::create_directory_symlink(path() / "sources", tree() / "source");
  write("linux/modules.order", "drivers/char/virtio_console.o\n");
  const auto kernel = ensure(tree().string() + "/", Network::forbidden);
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(modules_of(*kernel).value().size(), 1U);
}

TEST_F(KernelTreeTest, WithoutABzImageItsVmlinuxIsBooted) {
  make_tree();
  fs::remove(tree() / "arch/x86/boot/bzImage");
  write("linux/vmlinux", make_vmlinux());
  const auto kernel = ensure(tree().string(), Network::forbidden);
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->release, "6.9.1-mine");
  EXPECT_EQ(fs::canonical(kernel->vmlinux), fs::canonical(tree() / "vmlinux"));
  EXPECT_TRUE(kernel->pvh);
  EXPECT_TRUE(use_lock(*kernel)) << "which leaves nothing in the tree";
  EXPECT_FALSE(fs::exists(tree().string() + ".lock"));
  write("linux/vmlinux", make_vmlinux(17));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("no arch/x86/boot/bzImage"), HasSubstr("CONFIG_PVH")));
}

TEST_F(KernelTreeTest, WhateverIsBuiltAgainMakesItAnotherKernel) {
  make_tree();
  auto last = ensure(tree().string()).value().identity;
  EXPECT_EQ(ensure(tree().string()).value().identity, last);
  for (const auto* file : {"arch/x86/boot/bzImage", ".config", "Module.symvers", "modules.builtin",
                           "drivers/char/virtio_console.ko"}) {
    const auto before = fs::last_write_time(tree() / file);
    fs::last_write_time(tree() / file, before + std::chrono::microseconds(1));
    const auto now = ensure(tree().string()).value().identity;
    EXPECT_NE(now, last) << file;
    last = now;
  }
}

TEST_F(KernelTreeTest, WhatCannotBeUsedIsSaid) {
  EXPECT_THAT(refusal(), HasSubstr("there is no kernel image"));
  fs::create_directory(tree());
  EXPECT_THAT(refusal(), HasSubstr("is a directory, but no kernel's"));
  make_tree();
  EXPECT_EQ(refusal(), "");

  fs::remove(tree() / "Module.symvers");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("has no Module.symvers"), HasSubstr("make -C ")));
  fs::remove(tree() / "arch/x86/boot/bzImage");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is not built"), HasSubstr("arch/x86/boot/bzImage")));
  fs::remove(tree() / ".config");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("has no .config"), HasSubstr("O=")));
}

TEST_F(KernelTreeTest, AnOptionThatKoboxCannotDoWithoutIsNamed) {
  make_tree();
  write("linux/.config", config("VIRTIO_CONSOLE"));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("CONFIG_VIRTIO_CONSOLE=y (for the agent's port)"),
                               HasSubstr("`kobox kernel config "), Not(HasSubstr("KALLSYMS"))));
  write("linux/.config", config("KALLSYMS"));
  EXPECT_EQ(refusal(), "") << "it is only useful";
  write("linux/.config", config() + "CONFIG_MODULE_SIG_FORCE=y\n");
  EXPECT_THAT(refusal(), HasSubstr("# CONFIG_MODULE_SIG_FORCE is not set"));
}

TEST_F(KernelTreeTest, AnotherArchitectureIsNamed) {
  make_tree();
  write("linux/.config",
        "# Linux/arm64 6.9.1 Kernel Configuration\nCONFIG_ARM64=y\nCONFIG_PCI=y\n");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is configured for arm64"), HasSubstr("CONFIG_X86_64")));
  write("linux/.config", "CONFIG_PCI=y\n");
  EXPECT_THAT(refusal(), HasSubstr("is configured for another architecture"));
}

TEST_F(KernelTreeTest, TheFragmentHasWhatTheTreeLacks) {
  EXPECT_FALSE(kernel_tree_fragment(tree()));
  make_tree();
  EXPECT_THAT(kernel_tree_fragment(tree()).value(), HasSubstr("It lacks nothing"));
  write("linux/.config", config("DEVTMPFS"));
  EXPECT_THAT(kernel_tree_fragment(tree()).value(),
              AllOf(HasSubstr("\nCONFIG_DEVTMPFS=y\n"), Not(HasSubstr("CONFIG_TMPFS"))));
  fs::remove(tree() / ".config");
  EXPECT_THAT(kernel_tree_fragment(tree()).value(), HasSubstr("\nCONFIG_TMPFS=y\n"));
}

}  // namespace
}  // namespace kobox
