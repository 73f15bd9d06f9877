// SPDX-License-Identifier: GPL-2.0-or-later
// One booted machine with the module's files in it, and tests run in it one after another.
//
// A test is: note what the kernel has registered, load the module, run the command, let late
// trouble show itself, unload, compare what is registered; then read everything the kernel said.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "guest/guest.h"
#include "lab/blame.h"
#include "lab/prepare.h"
#include "lab/project.h"
#include "verdict/verdict.h"

namespace kobox {

struct SessionOptions {
  AccelWish accel = AccelWish::automatic;
  std::filesystem::path cache;
  std::filesystem::path folder;     // private folder of this machine: console.log
  std::optional<Duration> timeout;  // --timeout: instead of the tests' own limits
};

// How a machine stands after a test.
enum class MachineState {
  clean,   // as before the test; the next one may use it
  spoiled  // tainted, hung, gone, or with something left in it
};

class Session {
 public:
  struct Opened {
    std::unique_ptr<Session> session;
  };
  // A machine that does not boot is a Failure (kind boot), not an Error.
  static Result<std::variant<Opened, Failure>> open(EventLoop& loop, const Project& project,
                                                    const Prepared& prepared,
                                                    const SessionOptions& options);

  const AccelDecision& decision() const { return decision_; }
  Guest& guest() { return *guest_; }

  struct Outcome {
    TestResult result;
    // Loading failed: not this test's matter but the whole run's.
    bool before_test = false;
    MachineState state = MachineState::clean;
  };
  // Errors: only interrupted, internal. Whatever the guest does is an Outcome.
  Result<Outcome> run(const TestSpec& test);

  // Copies the module into the guest, and has the kernel's modules that it needs loaded.
  Result<> install_files();
  // Copies the programs of these sources (TestSpec::programs) into the guest, once each.
  Result<> install_programs(const std::vector<std::string>& sources);
  // Sets the guest's time of day and lets its console show everything.
  Result<> set_clock();
  // Loads the module; what the kernel answered.
  Result<AgentClient::KernelAnswer> load();

 private:
  struct Trial;  // one test's way through the machine
  Session(const Project& project, const Prepared& prepared, const SessionOptions& options)
      : project_(project), prepared_(prepared), options_(options) {
    if (prepared.module) blame_.emplace(*prepared.module);
  }

  std::string vermagic_trouble() const;
  Result<> attempt(const TestSpec& test, Trial& trial);
  Result<> unload_and_compare(Trial& trial);
  Result<bool> still_busy(AgentClient::KernelAnswer& answer);
  Result<> set_watchdogs(Duration limit);
  // Has the kernel reported something so long ago that waiting for the command is pointless?
  bool report_was_seen(Trial& trial);
  Result<> await_last_words(const Trial& trial);
  std::optional<Failure> kernel_failure(Trial& trial, bool machine_is_gone);
  Failure machine_failure(const Error& error);

  const Project& project_;
  const Prepared& prepared_;
  SessionOptions options_;
  std::optional<Blame> blame_;  // none without a module
  std::unique_ptr<Guest> guest_;
  AccelDecision decision_;
  std::set<std::string> installed_;  // programs
  Duration watchdogs_for_ = Duration::zero();
  std::optional<std::vector<std::string>> inventory_;  // as the last clean test left it
};

// The path of the module in the guest.
std::string guest_module_path(const BuiltModule& module);

}  // namespace kobox
