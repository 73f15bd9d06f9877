// SPDX-License-Identifier: GPL-2.0-or-later
// For tests that need a module with DWARF. Needs gcc and ld: it is made here, as kbuild makes a
// .ko (relocatable, linked -r).
#pragma once

#include <gtest/gtest.h>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"
#include "module/build.h"

namespace kobox {

// Line 3 faults, in a function that is inlined; line 8 calls.
inline constexpr std::string_view k_driver_source = R"(extern int sink(int);
static inline __attribute__((always_inline)) void store(int x) {
  *(volatile int *)8 = x;
}
int __attribute__((noinline)) dev_write(int x) { store(x); return sink(x) + 1; }
int __attribute__((noinline)) dev_ioctl(int x) {
  sink(x + 7);
  dev_write(x);
  return sink(x) + 2;
}
)";

class DriverTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir(TempDir::make(fs::temp_directory_path(), "kobox-driver-test").value());
    ASSERT_TRUE(write_file(copy() / "driver.c", k_driver_source));
    ASSERT_TRUE(write_file(directory_->path() / "user/driver.c", k_driver_source));
    run("gcc -g -O2 -fno-pie -fcf-protection=none -ffunction-sections -fno-ipa-ra -c -o driver.o " +
        (copy() / "driver.c").string());
    run("ld -r -o my-driver.ko driver.o");
  }
  static void TearDownTestSuite() { delete std::exchange(directory_, nullptr); }

  static std::string run(const std::string& command) {
    auto done = run_command({.argv = {"sh", "-c", command}, .cwd = directory_->path()}, {},
                            Streams::merged);
    EXPECT_TRUE(done && done->status.success()) << command << "\n" << (done ? done->output : "");
    return done ? done->output : "";
  }
  static fs::path copy() { return directory_->path() / "cache/builds/0123/src"; }
  static BuiltModule module() {
    return {.name = "my_driver",
            .ko = directory_->path() / "my-driver.ko",
            .bare = directory_->path() / "my-driver.ko",
            .source = directory_->path() / "user",
            .copy = copy()};
  }
  // Offsets of the instructions of a function that hold this text, by objdump; of those after
  // them too.
  static std::vector<std::uint64_t> offsets(const std::string& function, const std::string& text) {
    std::vector<std::uint64_t> found;
    bool after = false;
    const auto output = run("objdump -d --disassemble=" + function + " my-driver.ko");
    for (const auto line : lines_of(output)) {
      const auto colon = line.find(":\t");
      if (colon == std::string_view::npos) continue;
      const bool here = line.find(text) != std::string_view::npos;
      if (here || after)
        found.push_back(std::stoull(std::string(trim(line.substr(0, colon))), nullptr, 16));
      after = here;
    }
    EXPECT_FALSE(found.empty()) << output;
    return found.empty() ? std::vector<std::uint64_t>{0, 0} : found;
  }

 private:
  static inline TempDir* directory_ = nullptr;
};

}  // namespace kobox
