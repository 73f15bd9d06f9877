// SPDX-License-Identifier: GPL-2.0-or-later
// The fixture of all end-to-end tests: a private XDG_STATE_HOME and a private directory for each
// test, the shared cache with the kernels.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "tool.h"

namespace kobox::e2e {

using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A module that does nothing, built once for all tests that are about something else.
fs::path quiet_module();

// The name of a test with this parameter, such as "6.1-cloud": GoogleTest takes no other
// characters.
inline std::string name_of_parameter(std::string parameter) {
  std::ranges::replace_if(parameter, [](char c) { return std::isalnum(c) == 0; }, '_');
  return parameter;
}

// A report without what differs between two runs of the same: times, and where consoles are kept.
inline nlohmann::json without_times(nlohmann::json report) {
  for (auto& one : report["runs"]) {
    for (auto& test : one["tests"]) {
      test.erase("seconds");
      if (!test["failure"].is_null()) test["failure"].erase("console");
    }
  }
  return report;
}

// For the guest's shell: makes itself seen on the console.
inline constexpr const char* k_say_begun = "echo '<0>kobox-e2e: begun' > /dev/kmsg";

class KoboxTest : public ::testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  KoboxTest();
  ~KoboxTest() override;  // kills machines that should have ended by themselves

  // With the private state and, unless it was changed, the shared cache.
  Invocation invocation(const Arguments& arguments) const;
  Running start(const Invocation& one) { return Running(one, directory_); }
  Running start(const Arguments& arguments) { return start(invocation(arguments)); }
  Finished run(const Invocation& one) { return start(one).wait(); }
  Finished run(const Arguments& arguments) { return run(invocation(arguments)); }

  // kobox test DIR with more arguments; unless they are there, --kernel 6.1-cloud --accel tcg
  // --format json as well.
  Arguments test_arguments(const fs::path& project, const Arguments& more = {}) const;
  Finished test(const fs::path& project, const Arguments& more = {}) {
    return run(test_arguments(project, more));
  }

  // A project of the quiet module with the given [[test]] tables.
  fs::path project(std::string_view toml) { return project("", toml); }
  // The same with more lines in [module] and what follows it.
  fs::path project(std::string_view head, std::string_view tests);
  // A project of one C file.
  fs::path module_project(const std::string& name, std::string_view source,
                          std::string_view toml = "");

  // From now on a cache with kernels, builds, initramfs and symbols, but no saved machine yet.
  void use_own_templates();

  // PATH with all that is there but what has such a name (a regular expression).
  std::string path_without(const std::string& missing) const;

  // From now on the machines that kobox starts in this test are counted: those that boot, and those
  // that go on from a saved state.
  void count_machines();
  struct Starts {
    int boots = 0;
    int forks = 0;
    bool operator==(const Starts&) const = default;
  };
  // Since the last call.
  Starts starts();

  // Where each of this test's machines has its directory.
  fs::path runs() const { return state_ / "kobox/runs"; }
  // Machines of this test that run now.
  std::vector<pid_t> machines() const { return processes_with(runs().string()); }
  bool machines_end_within(Duration limit) const {
    return holds_within(limit, [this] { return machines().empty(); });
  }
  // A project whose one test sleeps for minutes.
  fs::path sleeper();
  // Starts it; returns when its command has begun in the guest.
  Running start_sleeper();
  // Has a guest of this test run k_say_begun?
  bool begun() const;
  // Waits until the guest has run k_say_begun; if it does not, the test has failed.
  void wait_until_begun(Running& running);

  TempDir temp_;
  fs::path directory_;  // of this test alone
  fs::path state_;      // XDG_STATE_HOME
  fs::path cache_ = shared_cache();
  std::string path_;  // PATH with a QEMU that notes its starts; "" if they are not counted
};

}  // namespace kobox::e2e
