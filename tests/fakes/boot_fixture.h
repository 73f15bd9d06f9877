// SPDX-License-Identifier: GPL-2.0-or-later
// For the tests of booting: a fake QEMU (tests/fakes/fake_qemu.cc) in place of the machine.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fakes/fake_qemu_scripts.h"
#include "guest/guest.h"

namespace kobox {

using namespace std::chrono_literals;

inline constexpr const char* k_boots = "greet;console booting;hello;hang";
inline constexpr const char* k_hangs = "greet;hang";
// Uses more of the processor than one that only hangs.
inline constexpr const char* k_works_and_boots = "greet;work 200;console booting;hello;hang";

class BootTest : public ::testing::Test {
 protected:
  fs::path cache() const { return qemu_.directory() / "cache"; }
  GuestSpec spec() const {
    return {.kernel = {.release = "6.1.0-fake",
                       .vmlinuz = "/v",
                       .vmlinux = "/x",
                       .pvh = pvh_,
                       .identity = "fake"},
            .initramfs = "/i",
            .boot_limit = limit_,
            .directory = qemu_.directory()};
  }
  Result<BootOutcome> boot(AccelChoice choice) {
    return boot_guest(loop_, spec(), choice, cache());
  }
  BootedGuest booted(AccelChoice choice) {
    auto outcome = boot(choice);
    if (!outcome)
      ADD_FAILURE() << outcome.error().to_string();
    else if (auto* failure = std::get_if<BootFailure>(&*outcome))
      ADD_FAILURE() << failure->message;
    else
      return std::get<BootedGuest>(std::move(*outcome));
    return {};
  }
  BootFailure failed(AccelChoice choice) {
    auto outcome = boot(choice);
    if (!outcome)
      ADD_FAILURE() << outcome.error().to_string();
    else if (auto* failure = std::get_if<BootFailure>(&*outcome))
      return *failure;
    else
      ADD_FAILURE() << "it booted";
    return {};
  }

  // What "signal" and "await" (fake_qemu.cc) put two machines in order by.
  std::string with_fifo() {
    const auto path = qemu_.directory() / "fifo";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    // What is in a FIFO that nobody holds open is lost.
    fifo_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_TRUE(fifo_);
    return path.string();
  }

  testing::FakeQemu qemu_;
  Fd fifo_;
  EventLoop loop_;
  Duration limit_ = 10s;  // only a defect lets it pass
  bool pvh_ = false;
};

#define NEEDS_KVM \
  if (const auto obstacle = kvm_obstacle()) GTEST_SKIP() << *obstacle

}  // namespace kobox
