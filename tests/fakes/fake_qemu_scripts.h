// SPDX-License-Identifier: GPL-2.0-or-later
// Puts the fake QEMU of fake_qemu.cc first in PATH, with what it is to do.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/files.h"
#include "base/text.h"

namespace kobox::testing {

// One at a time; the destructor restores PATH.
class FakeQemu {
 public:
  FakeQemu()
      : directory_(TempDir::make(fs::temp_directory_path(), "kobox-fake-qemu").value()),
        path_(std::getenv("PATH")) {
    std::signal(SIGPIPE, SIG_IGN);  // as kobox does: the machine may end while it is written to
    ::setenv("PATH", (KOBOX_FAKE_QEMU_DIR ":" + path_).c_str(), 1);
    ::setenv("FAKE_QEMU_LOG", log().c_str(), 1);
  }
  ~FakeQemu() {
    ::setenv("PATH", path_.c_str(), 1);
    for (const char* name : {"FAKE_QEMU_LOG", "FAKE_QEMU_KVM", "FAKE_QEMU_TCG"}) ::unsetenv(name);
  }
  FakeQemu(const FakeQemu&) = delete;
  FakeQemu& operator=(const FakeQemu&) = delete;

  void kvm_does(const std::string& steps) { ::setenv("FAKE_QEMU_KVM", steps.c_str(), 1); }
  void tcg_does(const std::string& steps) { ::setenv("FAKE_QEMU_TCG", steps.c_str(), 1); }
  // The accelerators of all starts so far: "kvm\ntcg\n".
  std::string starts() const { return read_file(log()).value_or(""); }
  // Their whole -accel: "tcg,thread=multi\n".
  std::string accels() const { return read_file(log().string() + ".accels").value_or(""); }
  // Of each start the kernel and its parameters: "/v console=…\n".
  std::string kernels() const { return read_file(log().string() + ".kernels").value_or(""); }
  // The most that were alive at once so far, as each counted when it started.
  int most_alive() const {
    const auto counts = read_file(log().string() + ".alive").value_or("");
    int most = 0;
    for (const auto line : lines_of(counts))
      most = std::max(most, std::atoi(std::string(line).c_str()));
    return most;
  }
  // The file's name of each start's second disk layer, of those that had the step "disk".
  std::string disks() const { return read_file(log().string() + ".disks").value_or(""); }
  // Private, and gone with the fake.
  const fs::path& directory() const { return directory_.path(); }

 private:
  fs::path log() const { return directory_.path() / "starts"; }

  TempDir directory_;
  std::string path_;
};

}  // namespace kobox::testing
