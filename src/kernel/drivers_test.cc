// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/drivers.h"

#include <gmock/gmock.h>

#include "archive/made_files.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DriversTest : public DirectoryTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    kernel_ = {.release = "6.1.0", .modules = path()};
    write("kernel/drivers/virtio/virtio.ko", make_ko(""));
    write("kernel/drivers/virtio/virtio_ring.ko.xz", pack(make_ko(""), "xz"));
    write("kernel/drivers/virtio/virtio-pci.ko.zst", pack(make_ko("virtio,virtio-ring"), "zstd"));
    write("kernel/drivers/char/virtio_console.ko.gz",
          pack(make_ko("virtio_ring,virtio,serial"), "gzip"));
    write("modules.builtin", "kernel/drivers/tty/serial.ko\nkernel/fs/ext4/ext4.ko\n");
  }
  Result<std::vector<std::string>> names(const std::vector<std::string>& wanted,
                                         Missing missing = Missing::is_error) {
    KOBOX_TRY(const auto modules, modules_for(kernel_, wanted, missing));
    std::vector<std::string> result;
    for (const auto& module : modules) result.push_back(module.name);
    return result;
  }
  Kernel kernel_;
};

TEST_F(DriversTest, DependenciesComeFirstAndOnce) {
  EXPECT_THAT(names({"virtio_console", "virtio-pci"}).value(),
              ElementsAre("virtio_ring", "virtio", "virtio_console", "virtio_pci"));
}

TEST_F(DriversTest, WhatIsBuiltInNeedsNoFile) {
  EXPECT_THAT(names({"ext4", "serial"}).value(), IsEmpty());
}

TEST_F(DriversTest, MissingOnesAreErrorsOrBuiltIn) {
  const auto missing = names({"nvme"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), ErrorKind::environment);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("no driver 'nvme'"));
  EXPECT_THAT(names({"nvme"}, Missing::is_builtin).value(), IsEmpty());
  write("kernel/broken.ko", make_ko("gone"));
  const auto half = names({"broken"}, Missing::is_builtin);
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().to_string(), HasSubstr("finding what broken needs: "));
}

TEST_F(DriversTest, ACircleEnds) {
  write("kernel/a.ko", make_ko("b"));
  write("kernel/b.ko", make_ko("a"));
  EXPECT_THAT(names({"a"}).value(), ElementsAre("b", "a"));
}

TEST_F(DriversTest, AKernelWithoutModules) {
  kernel_.modules.clear();
  EXPECT_THAT(names({"virtio_pci"}, Missing::is_builtin).value(), IsEmpty());
  EXPECT_FALSE(names({"virtio_pci"}));
  kernel_.modules = path() / "absent";
  EXPECT_FALSE(names({"virtio_pci"}));
}

TEST_F(DriversTest, ReadsModulesUnpacked) {
  EXPECT_EQ(read_module(path() / "kernel/drivers/virtio/virtio_ring.ko.xz").value(), make_ko(""));
  EXPECT_EQ(read_module(path() / "kernel/drivers/virtio/virtio.ko").value(), make_ko(""));
  write("cut.ko.xz", pack(make_ko(""), "xz").substr(0, 60));
  const auto cut = read_module(path() / "cut.ko.xz");
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().to_string(), HasSubstr("cut.ko.xz"));
}

TEST_F(DriversTest, RubbishIsNamed) {
  write("kernel/garbage.ko", "garbage");
  const auto result = names({"garbage"});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().to_string(), HasSubstr("garbage.ko"));
  for (std::size_t size = 0; size < make_ko("x").size(); size += 3) {
    write("kernel/cut.ko", make_ko("x").substr(0, size));
    EXPECT_FALSE(names({"cut"})) << size;
  }
}

}  // namespace
}  // namespace kobox
