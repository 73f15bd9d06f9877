// SPDX-License-Identifier: GPL-2.0-or-later
// For tests: a project whose kernel and module exist in name only, on the fake QEMU.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fakes/fake_qemu_scripts.h"
#include "harness/prepare.h"
#include "harness/session.h"
#include "project/project.h"

namespace kobox::testing {

// Boots, answers everything with success, and can be saved and forked.
inline const std::string k_serves = "greet;hello;serve";
// The same with other answers: "on run reply {...};on new silent".
inline std::string serves(const std::string& reactions) { return reactions + ";" + k_serves; }

class FakeProject : public ::testing::Test {
 protected:
  FakeProject() {
    project_.directory = project_.source = qemu_.directory() / "project";
    project_.modules = {"some"};
    project_.has_file = true;
    qemu_.tcg_does(k_serves);
    EXPECT_TRUE(write_file(qemu_.directory() / "some.ko", "no ELF"));
  }

  // Names must differ.
  TestSpec& add_test(std::string name, std::string command = "true") {
    return project_.tests.emplace_back(
        TestSpec{.name = std::move(name), .run = std::move(command)});
  }
  Prepared prepared(const std::string& release = "6.1.0-fake") const {
    const auto lock = [&] {
      return FileLock::acquire(qemu_.directory() / "lock", LockMode::shared,
                               Deadline::after(std::chrono::seconds(10)))
          .value();
    };
    return {.kernel = {.release = release, .vmlinuz = "/v", .identity = release},
            .kernel_lock = lock(),
            .cache_lock = lock(),
            .initramfs = "/i",
            .modules = {{.name = "some",
                         .ko = qemu_.directory() / "some.ko",
                         .bare = qemu_.directory() / "some.ko",
                         .source = project_.source,
                         .copy = project_.source,
                         .identity = "some"}}};
  }
  fs::path cache() const { return qemu_.directory() / "cache"; }
  fs::path state() const { return qemu_.directory() / "state"; }
  Session::Options options() const {
    return {.accel = AccelChoice::tcg,
            .cache = cache(),
            .state = state(),
            .directory = qemu_.directory(),
            .timeout = {}};
  }

  FakeQemu qemu_;
  Project project_;
};

}  // namespace kobox::testing
