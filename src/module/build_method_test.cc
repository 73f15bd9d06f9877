// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/build_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "module/dkms.h"

namespace kobox {
namespace {

using enum BuildMethod;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

class BuildMethodTest : public ::testing::Test {
 protected:
  void put(const std::string& name, std::string_view text) {
    EXPECT_TRUE(write_file(path() / name, text));
  }
  const fs::path& path() const { return directory_.path(); }
  std::vector<BuildMethod> methods() const { return methods_for(path(), automatic); }
  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-method-test").value();
};

constexpr const char* k_wrapper = "obj-m := x.o\nall:\n\t$(MAKE) -C $(KDIR) M=$(PWD) V=1 modules\n";

TEST_F(BuildMethodTest, AMakefileMayBeALinkButNotAPipe) {
  put("real/makefile", k_wrapper);
  ASSERT_EQ(::mkfifo((path() / "GNUmakefile").c_str(), 0600), 0);
  EXPECT_THAT(methods(), IsEmpty());
  fs::create_symlink("real/makefile", path() / "Makefile");
  EXPECT_THAT(methods(), ElementsAre(kbuild, make));
}

TEST_F(BuildMethodTest, WhatLiesInTheDirectorySays) {
  EXPECT_THAT(methods(), IsEmpty());
  put("Makefile", "all:\n\tcd sub && make\n");
  EXPECT_THAT(methods(), ElementsAre(make));
  put("Makefile", k_wrapper);
  EXPECT_THAT(methods(), ElementsAre(kbuild, make));
  put("Makefile", "include rules.mk\n");
  EXPECT_THAT(methods(), ElementsAre(kbuild));
  put("Kbuild", "obj-m := x.o\n");
  EXPECT_THAT(methods(), ElementsAre(kbuild));
  put("dkms.conf", "");
  EXPECT_THAT(methods(), ElementsAre(dkms));
  EXPECT_THAT(methods_for(path(), kbuild), ElementsAre(kbuild));
}

TEST_F(BuildMethodTest, AMakefileThatHandsOnVariablesIsRunItself) {
  const auto is_first = [&](const std::string& recipe) {
    put("Makefile", "obj-m := x.o\nall:\n" + recipe);
    return methods() == std::vector{make};
  };
  EXPECT_TRUE(is_first("\t$(MAKE) -C $(KDIR) M=$(PWD) CONFIG_X=m modules\n"));
  EXPECT_TRUE(is_first("\tmake -C $(KDIR) M=$(PWD) EXTRA_CFLAGS=\"-DX -DY\"\n"));
  EXPECT_FALSE(is_first("\t$(MAKE) -C $(KDIR) M=$(PWD) V=1 ARCH=$(ARCH) modules\n"));
  EXPECT_FALSE(
      is_first("\tmake -C $(KDIR) M=$(PWD)\n\nclean:\n\tmake -C $(KDIR) X=1 clean\n"
               "install:\n\tmake -C $(KDIR) INSTALL_MOD_PATH=/x modules_install\n"));
}

TEST_F(BuildMethodTest, TheMakefileMayMakeAFile) {
  EXPECT_TRUE(makefile_may_help("gen.h: No such file or directory"));
  EXPECT_TRUE(makefile_may_help("No rule to make target 'x.c'"));
  EXPECT_FALSE(makefile_may_help("'X' undeclared"));
}

TEST_F(BuildMethodTest, KernelreleaseIsGivenOnlyWhereItTellsKbuildNothing) {
  const Kernel kernel = {.release = "6.1.0-x"};
  const auto variables = [&](const char* makefile) {
    put("Makefile", makefile);
    return kernel_variables(path(), kernel, "/headers");
  };
  EXPECT_THAT(variables(k_wrapper), Contains(Pair("KDIR", "/headers")));
  EXPECT_THAT(variables(k_wrapper), Contains(Pair("KVER", "6.1.0-x")));
  EXPECT_THAT(variables(k_wrapper), Not(Contains(Key("KERNELRELEASE"))));
  EXPECT_THAT(variables("ifneq ($(KERNELRELEASE),)\nobj-m := x.o\nendif\n"),
              Not(Contains(Key("KERNELRELEASE"))));
  EXPECT_THAT(variables("all:\n\tmake -C /lib/modules/$(KERNELRELEASE)/build\n"),
              Contains(Pair("KERNELRELEASE", "6.1.0-x")));
}

TEST_F(BuildMethodTest, WordsAreRead) {
  for (const auto* word : {"auto", "kbuild", "make", "dkms"}) EXPECT_TRUE(parse_build_method(word));
  EXPECT_EQ(parse_build_method("cmake").error().kind(), ErrorKind::usage);
}

TEST_F(BuildMethodTest, WhyDkmsBuildsNothingForAKernel) {
  put(".config", "# \nCONFIG_HID=m\n# CONFIG_USB is not set\n");
  const Kernel kernel = {.release = "6.1.0-x", .headers = path()};
  const DkmsPackage package = {
      .name = "p", .version = "1", .exclusive_configs = "CONFIG_HID CONFIG_USB !CONFIG_HID"};
  constexpr const char* k_said = "Error! The dkms.conf includes a BUILD_EXCLUSIVE directive\n";
  EXPECT_FALSE(why_excluded(package, kernel, "Error! Bad return status\n"));
  const auto why = why_excluded(package, kernel, k_said).value_or("");
  EXPECT_THAT(why, HasSubstr("not for 6.1.0-x: this kernel has no CONFIG_USB, this kernel has "
                             "CONFIG_HID"));
  EXPECT_THAT(why_excluded({.exclusive = "BUILD_EXCLUSIVE_KERNEL=^5"}, kernel, k_said).value_or(""),
              HasSubstr(": BUILD_EXCLUSIVE_KERNEL=^5"));
  EXPECT_THAT(why_excluded({}, kernel, std::string("no I2C here\n") + k_said).value_or(""),
              HasSubstr("no I2C here"));
}

}  // namespace
}  // namespace kobox
