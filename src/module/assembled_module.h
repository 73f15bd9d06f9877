// SPDX-License-Identifier: GPL-2.0-or-later
// For tests that need a module's machine code to the byte. Needs gcc, which assembles it.
#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/files.h"

namespace kobox {

// Deriving suites say with assemble() in SetUpTestSuite what the module consists of.
class AssembledModuleTest : public ::testing::Test {
 protected:
  // Each source is one file of the module, linked in their order.
  static void assemble(const std::vector<std::string_view>& sources) {
    directory_ = new TempDir(TempDir::make(fs::temp_directory_path(), "kobox-assembled").value());
    CommandLine command = {.argv = {"gcc", "-nostdlib", "-r", "-o", "m.ko"},
                           .cwd = directory_->path()};
    for (const auto source : sources) {
      command.argv.push_back(std::to_string(command.argv.size()) + ".s");
      ASSERT_TRUE(write_file(directory_->path() / command.argv.back(), source));
    }
    const auto done = run_command(command, {}, Streams::merged);
    ASSERT_TRUE(done && done->status.success()) << (done ? done->output : "");
  }
  static void TearDownTestSuite() { delete std::exchange(directory_, nullptr); }

  static const fs::path& directory() { return directory_->path(); }
  static fs::path ko() { return directory() / "m.ko"; }

 private:
  static inline TempDir* directory_ = nullptr;
};

}  // namespace kobox
