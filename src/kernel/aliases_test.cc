// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/aliases.h"

#include <gmock/gmock.h>

#include "archive/made_files.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AliasesTest : public DirectoryTest {};

TEST_F(AliasesTest, PatternsMatchAsModprobeMatchesThem) {
  EXPECT_TRUE(alias_matches("fs-erofs", "fs-erofs"));
  EXPECT_TRUE(alias_matches("crypto-aes", "crypto_aes"));
  EXPECT_FALSE(alias_matches("fs-erofs", "fs-erofs2"));
  EXPECT_TRUE(alias_matches("pci:v00008086d*sv*", "pci:v00008086d00001237sv1"));
  EXPECT_TRUE(alias_matches("tty-ldisc-[1-3]", "tty-ldisc-2"));
  EXPECT_FALSE(alias_matches("tty-ldisc-[1-3]", "tty-ldisc--"));
}

TEST_F(AliasesTest, TheTableIsMadeOnceFromTheModules) {
  const auto with = [](const std::string& aliases) {
    std::string info;
    for (const auto& alias : split(aliases, ',')) info += std::string(1, '\0') + "alias=" + alias;
    return make_ko(info);
  };
  write("modules/kernel/fs/one.ko", with("fs-one,a b,fs-any*"));
  write("modules/kernel/fs/two-b.ko.xz", pack(with("fs-anything"), "xz"));
  write("modules/kernel/fs/broken.ko", "no module");
  write("modules/modules.builtin.modinfo",
        std::string("loop.license=GPL\0loop.alias=block-major-7-*\0"
                    "loop.alias=two words\0",
                    65));
  const Kernel kernel{.modules = path() / "modules", .identity = "k"};
  const auto file = ensure_module_aliases(kernel, path() / "cache").value();
  const auto table = read_file(file).value();
  EXPECT_THAT(modules_with_alias(table, "fs-one"), ElementsAre("one"));
  EXPECT_THAT(modules_with_alias(table, "fs-anything"), ElementsAre("one", "two_b"));
  EXPECT_THAT(modules_with_alias(table, "block-major-7-0"), ElementsAre("loop"));
  EXPECT_THAT(modules_with_alias(table, "two"), IsEmpty());
  EXPECT_THAT(modules_with_alias(table, "fs-other"), IsEmpty());
  write("modules/kernel/fs/three.ko", with("fs-other"));
  EXPECT_EQ(ensure_module_aliases(kernel, path() / "cache").value(), file);
  EXPECT_EQ(read_file(file).value(), table);
}

}  // namespace
}  // namespace kobox
