// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/sibling_export.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

class SiblingExportTest : public ::testing::Test {
 protected:
  SiblingExportTest() {
    put("driver/driver.c", "EXPORT_SYMBOL(own);\n");
    put("bus/Kbuild", "obj-m := bus.o\n");
    put("bus/bus.c", "EXPORT_SYMBOL_GPL(bar);\n");
    put("notes/notes.c", "EXPORT_SYMBOL(noted);\n");
  }
  void put(const fs::path& relative, std::string_view text) const {
    EXPECT_TRUE(write_file(directory_.path() / relative, text));
  }
  fs::path source() const { return directory_.path() / "driver"; }
  SiblingSearch find(const std::string& symbol, const SiblingLimits& limits = {},
                     Deadline deadline = Deadline::never()) const {
    return find_sibling(source(), symbol, deadline, limits);
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-sibling-test").value();
};

TEST_F(SiblingExportTest, IsADirectoryBesideThatCanBeBuilt) {
  const auto search = find("bar");
  ASSERT_TRUE(search.found);
  EXPECT_EQ(search.found->directory, "../bus");
  for (const auto* name : {"own", "noted", "nowhere"}) {
    EXPECT_FALSE(find(name).found) << name;
    EXPECT_TRUE(find(name).is_whole) << name;
  }
}

TEST_F(SiblingExportTest, IsNamedAsTheProjectsFileNamesIt) {
  EXPECT_EQ(find("bar").found->toml, "kobox.toml");
  EXPECT_EQ(find("bar").found->needs, "../bus");
  put("kobox.toml", "[module]\nsource = \"driver\"\n");
  EXPECT_EQ(find("bar").found->toml, "../kobox.toml");
  EXPECT_EQ(find("bar").found->needs, "bus");
  put("driver/kobox.toml", "");
  EXPECT_EQ(find("bar").found->toml, "kobox.toml");
  EXPECT_EQ(find("bar").found->needs, "../bus");
}

TEST_F(SiblingExportTest, WhatWasNotReadMakesItIncomplete) {
  put("cab/Kbuild", "obj-m := cab.o\n");
  put("cab/cab.c", "");
  EXPECT_TRUE(find("nowhere").is_whole);
  EXPECT_FALSE(find("nowhere", {.directories = 1}).is_whole);
  EXPECT_FALSE(find("nowhere", {.files = 1}).is_whole);
  EXPECT_FALSE(find("nowhere", {}, Deadline::after(std::chrono::seconds(0))).is_whole);
  put("cab/large.c", std::string((2 << 20) + 1, ' '));
  EXPECT_FALSE(find("nowhere").is_whole);
  EXPECT_FALSE(find_sibling(directory_.path() / "absent", "bar", Deadline::never()).is_whole);
}

}  // namespace
}  // namespace kobox
