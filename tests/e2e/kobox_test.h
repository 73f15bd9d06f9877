// SPDX-License-Identifier: GPL-2.0-or-later
// The fixture of all end-to-end tests: a private XDG_STATE_HOME and a private folder for each
// test, the shared cache with the kernels.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

class KoboxTest : public ::testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  KoboxTest();

  // With the private state and, unless it was changed, the shared cache.
  Invocation invocation(const Arguments& arguments) const;
  Running start(const Invocation& one) { return Running(one, folder_); }
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

  // Where each of this test's machines has its folder.
  fs::path runs() const { return state_ / "kobox/runs"; }
  // Machines of this test that run now.
  std::vector<pid_t> machines() const { return processes_with(runs().string()); }
  bool machines_end_within(Duration limit) const {
    return holds_within(limit, [this] { return machines().empty(); });
  }
  // Starts a test whose command has begun in the guest and sleeps there. `found` is false, and
  // the test has failed, if that does not come about.
  Running start_sleeper(const Invocation& one);
  Running start_sleeper() { return start_sleeper(invocation(test_arguments(sleeper()))); }
  fs::path sleeper();

  TempDir temp_;
  fs::path folder_;  // of this test alone
  fs::path state_;   // XDG_STATE_HOME
  fs::path cache_ = shared_cache();
};

}  // namespace kobox::e2e
