// SPDX-License-Identifier: GPL-2.0-or-later
// For tests: shell scripts as sbatch, squeue and scancel, for answers that the Slurm of
// tests/e2e/slurm_test.cc cannot be made to give.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "base/interrupt.h"

namespace kobox {

class FakeSlurm : public ::testing::Test {
 protected:
  FakeSlurm() {
    ::setenv("PATH", (directory_.path().string() + ":" + path_).c_str(), 1);
    for (const auto* name : {"sbatch", "squeue", "scancel"}) program(name, "exit 0");
  }
  ~FakeSlurm() override {
    ::setenv("PATH", path_.c_str(), 1);
    reset_interrupt_for_testing();
  }

  fs::path file(const std::string& name) const { return directory_.path() / name; }
  // Notes its arguments in the file "calls" before.
  void program(const std::string& name, const std::string& script) const {
    const auto text = "#!/bin/sh\necho " + name + " \"$@\" >> " + file("calls").string() + "\n";
    ASSERT_TRUE(write_file(file(name), text + script + "\n"));
    fs::permissions(file(name), fs::perms::owner_all);
  }
  std::string calls() const { return read_file(file("calls")).value_or(""); }

 private:
  const std::string path_ = std::getenv("PATH");
  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-slurm-test").value();
};

}  // namespace kobox
