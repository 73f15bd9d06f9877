// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> lacking(const KernelConfig& config, ConfigNeed::Weight weight) {
  std::vector<std::string> lines;
  for (const auto& need : missing_options(config))
    if (need.weight == weight) lines.push_back(config_line(need));
  return lines;
}

// All that is ever wanted, as kconfig writes it.
std::string complete() {
  std::string text = "#\n# Linux/x86 6.12.1 Kernel Configuration\n#\n";
  for (const auto& need : missing_options({})) text += config_line(need) + "\n";
  return text + "CONFIG_MODULE_SIG_FORCE=n\n";
}

TEST(KernelConfig, ValuesAreAsTheyStandThere) {
  const auto config = KernelConfig::parse(
      "# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_PCI=y\n  CONFIG_VIRTIO_PCI=m\r\n"
      "# CONFIG_PVH is not set\nCONFIG_HZ=250\nCONFIG_CC_VERSION_TEXT=\"gcc-12 = 12\"\n"
      "CONFIG_TWICE=y\nCONFIG_TWICE=m\nnonsense\n");
  EXPECT_EQ(config.architecture(), "x86");
  EXPECT_EQ(config.value("PCI"), "y");
  EXPECT_EQ(config.value("VIRTIO_PCI"), "m");
  EXPECT_EQ(config.value("PVH"), "");
  EXPECT_EQ(config.value("HZ"), "250");
  EXPECT_EQ(config.value("CC_VERSION_TEXT"), "\"gcc-12 = 12\"");
  EXPECT_EQ(config.value("TWICE"), "m");
  EXPECT_EQ(config.value("VIRTIO"), "");
}

TEST(KernelConfig, WhatIsNoConfigurationIsRefused) {
  const auto directory = TempDir::make(fs::temp_directory_path(), "kobox-config-test").value();
  const auto file = directory.path() / ".config";
  EXPECT_THAT(KernelConfig::read(file).error().message(), HasSubstr("there is no "));
  ASSERT_TRUE(write_file(file, "hello\n"));
  const auto refused = KernelConfig::read(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  EXPECT_THAT(refused.error().message(), HasSubstr("no CONFIG_ line"));
}

TEST(MissingOptions, ACompleteConfigurationLacksNothing) {
  const auto config = KernelConfig::parse(complete());
  EXPECT_THAT(missing_options(config), IsEmpty());
  EXPECT_THAT(config_fragment({}, "/t"), HasSubstr("It lacks nothing"));
}

TEST(MissingOptions, EachIsNoticedByItself) {
  using Value = ConfigNeed::Value;
  for (const auto& need : missing_options({})) {
    auto text = complete();
    const auto line = config_line(need) + "\n";
    text.erase(text.find(line), line.size());
    const auto alone = missing_options(KernelConfig::parse(text));
    ASSERT_EQ(alone.size(), 1U) << need.option;
    EXPECT_EQ(alone[0].option, need.option);
    const auto as_module = KernelConfig::parse(text + fmt::format("CONFIG_{}=m\n", need.option));
    EXPECT_EQ(missing_options(as_module).empty(), need.value == Value::built_in_or_module)
        << need.option;
  }
}

TEST(MissingOptions, WhatForbidsModulesMustBeOff) {
  for (const auto* option : {"MODULE_SIG_FORCE", "CMDLINE_OVERRIDE"}) {
    const auto config = KernelConfig::parse(complete() + "CONFIG_" + option + "=y\n");
    EXPECT_THAT(lacking(config, ConfigNeed::Weight::required),
                ::testing::ElementsAre(fmt::format("# CONFIG_{} is not set", option)));
  }
}

TEST(ConfigFragment, HasTheMissingOptionsWithTheirPurposes) {
  const auto config =
      KernelConfig::parse(complete() + "CONFIG_VIRTIO_CONSOLE=n\nCONFIG_KALLSYMS=n\n");
  EXPECT_EQ(config_fragment(missing_options(config), "/my tree"),
            "# What the kernel in '/my tree' lacks for kobox. With this text in a file FRAGMENT:\n"
            "#   cd '/my tree' && scripts/kconfig/merge_config.sh .config FRAGMENT && make\n"
            "\n# for the agent's port\nCONFIG_VIRTIO_CONSOLE=y\n"
            "\n# for names in reports, kobox debug and kobox trace; kobox can do without\n"
            "CONFIG_KALLSYMS=y\n");
}

TEST(ConfigFragment, InABuildDirectoryTheScriptIsTheSources) {
  const auto directory = TempDir::make(fs::temp_directory_path(), "kobox-config-test").value();
  EXPECT_THAT(config_fragment({}, directory.path()), Not(HasSubstr("&& source/")));
  fs::create_directory(directory.path() / "source");
  EXPECT_THAT(config_fragment({}, directory.path()),
              HasSubstr("&& source/scripts/kconfig/merge_config.sh"));
}

}  // namespace
}  // namespace kobox
