// SPDX-License-Identifier: GPL-2.0-or-later
// For tests: a scripted apt-get in front of the host's, with a keyring that is empty. Its script
// finds the test's directory in FAKE_APT.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "archive/made_files.h"
#include "base/interrupt.h"

namespace kobox {

class FakeAptTest : public DirectoryTest {
 protected:
  void use_apt_get(const char* script) {
    write("bin/apt-get", script);
    ASSERT_EQ(::chmod((path() / "bin/apt-get").c_str(), 0755), 0);
    old_path_ = std::getenv("PATH");
    ::setenv("PATH", ((path() / "bin").string() + ":" + old_path_).c_str(), 1);
    ::setenv("FAKE_APT", path().c_str(), 1);
    write("keyring", "");
  }
  void TearDown() override {
    reset_interrupt_for_testing();
    if (!old_path_.empty()) ::setenv("PATH", old_path_.c_str(), 1);
  }

 private:
  std::string old_path_;
};

}  // namespace kobox
