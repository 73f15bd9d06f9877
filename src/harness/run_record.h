// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of one kernel's tests: collects results as they come, and loses none.
//
// Results come in any order and from any thread; the observer is told of them in the order of
// kobox.toml, each as soon as all before it are known.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/test_run.h"

namespace kobox {

// The observer of a run of kobox, with the lock that is held while it is called.
struct SharedObserver {
  TestObserver& observer;
  std::mutex mutex = {};
};

class RunRecord {
 public:
  // `command`: how kobox was called, for Failure::reproduce. `shared` must outlive this.
  RunRecord(SharedObserver& shared, std::size_t index, std::vector<TestSpec> tests,
            std::string selector, std::string command);

  void know_kernel(const std::string& release);
  void know_modules(const std::vector<BuiltModule>& modules);
  // Other tests than were given at first; before any has a result.
  void expect(const std::vector<TestSpec>& tests);
  void know_accel(const AccelDecision& decision);
  // What is said where no machine was started.
  void suppose_accel(AccelChoice choice);

  void take(std::size_t test, TestResult result);
  // A failure of the run itself. Of several the one that the earliest test found stays.
  void fail_run(Failure failure, std::size_t found_by = 0);
  bool failed() const;

  // Ends the record: tests without a result are named as not run where the run's failure is not the
  // module's fault, and the observer is told of everything that it does not know. `interrupted`:
  // that is why there may be such tests; without any it is no failure.
  RunResult finish(bool interrupted);
  // Ends it without telling the observer.
  RunResult withhold();

 private:
  void settle_all(const char* not_run);
  void pass_on(std::size_t test);
  void announce();
  void name_the_interrupt();
  std::string reproduce(const std::string& test) const;

  SharedObserver& shared_;
  const std::size_t index_;
  const std::string selector_;
  const std::string command_;
  mutable std::mutex mutex_;  // held for all below
  std::vector<TestSpec> tests_;
  RunResult result_;
  bool announced_ = false;
  std::vector<std::optional<TestResult>> finished_;
  std::size_t passed_on_ = 0;  // how many of them the observer knows
  std::size_t found_by_ = SIZE_MAX;
};

}  // namespace kobox
