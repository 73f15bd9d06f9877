// SPDX-License-Identifier: GPL-2.0-or-later
// Header trees for tests, in the two forms that are met.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/files.h"
#include "kernel/kernel.h"

namespace kobox::testing {

using HeaderFiles = std::map<std::string, std::string>;

class HeaderFixture : public ::testing::Test {
 protected:
  // As Debian packs it: what is generated apart from the rest.
  Kernel debian(const std::string& release, const HeaderFiles& common,
                const HeaderFiles& build = {}, const fs::path& below = "") {
    const auto source = directory_.path() / below / "usr/src";
    const auto tree = source / ("linux-headers-" + release);
    const auto shared = source / ("linux-headers-" + release + "-common");
    put(tree / "Makefile",
        "include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../linux-headers-" + release +
            "-common/Makefile\n");
    put(shared / "Makefile", "all:\n");
    put(shared / "include/linux/kconfig.h", "");
    for (const auto& [name, text] : common) put(shared / name, text);
    for (const auto& [name, text] : build) put(tree / name, text);
    return {.release = release, .headers = tree};
  }
  static void put(const fs::path& path, const std::string& text) {
    const auto done = write_file(path, text);
    EXPECT_TRUE(done) << path;
  }

  TempDir directory_ = std::move(TempDir::make(::testing::TempDir(), "headers-")).value();
};

}  // namespace kobox::testing
