// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox test`: a project's tests on its kernels, to a Report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "harness/budget.h"
#include "harness/machines.h"
#include "harness/prepare.h"
#include "harness/shard.h"
#include "project/project.h"
#include "verdict/verdict.h"
#include "vm/accel.h"

namespace kobox {

enum class Keep { failures, everything };

struct TestOptions {
  LabOptions lab;
  Project project;
  std::vector<std::string> selectors;  // kernels; not empty
  Shard shard = {};                    // which part of all is run
  Report times = {};                   // see plan_shard()
  AccelChoice accel = AccelChoice::automatic;
  std::string filter;  // RE2 regex searched for in test names; "" for all
  int jobs = 0;        // tests at once, over all kernels; 0: as cores and memory allow
  std::optional<Duration> timeout;
  Isolation isolation = Isolation::forked;
  Keep keep = Keep::failures;
  std::filesystem::path collected = {};  // what tests collect: below it, RELEASE/TEST/
  std::string command;  // how kobox was called: "kobox test DIR", for Failure::reproduce
};

// Where a run's kernels come from, and what is put on them: Debian and the project's sources, or
// what a test has instead. Calls come from several threads.
class KernelSource {
 public:
  virtual ~KernelSource() = default;
  virtual Result<Kernel> find(const std::string& selector) = 0;
  // See harness/prepare.h.
  virtual Result<PrepareOutcome> prepare(const Kernel& kernel, const std::string& selector,
                                         const std::vector<TestSpec>& tests) = 0;
};

// Is told results as they come. Calls come from one thread at a time; runs may be interleaved.
class TestObserver {
 public:
  virtual ~TestObserver() = default;
  // The kernel and the accelerator are known.
  virtual void run_started(std::size_t run, const RunResult& so_far) = 0;
  virtual void test_done(std::size_t run, const TestResult& test) = 0;
  // Its own failure, if any, is set. Tests that were not run are only here.
  virtual void run_done(std::size_t run, const RunResult& result) = 0;
};

// The tests that the filter names; all where there is no kobox.toml, since their names are known
// only when the modules are (select_module_tests). ErrorKind::usage: bad regex; nothing to run,
// which is never a pass.
Result<std::vector<TestSpec>> select_tests(const Project& project, const std::string& filter);

// Without a kobox.toml: of several modules each has a test of its own, named after it; one has the
// test that was asked for. The filter is searched for in both names. ErrorKind::usage as above.
Result<std::vector<TestSpec>> select_module_tests(const std::vector<TestSpec>& asked,
                                                  const std::vector<std::string>& modules,
                                                  const std::string& filter);

// Always a Report, whatever happens to a kernel, a module, a test or this host: a kernel that
// cannot be had is a run with a failure of kind environment, and the others go on. After an
// interrupt it has what was known until then. A shard that has nothing to do gives one without
// runs, which is no pass, and says so. Errors: usage, where that kept all kernels from beginning.
Result<Report> run_tests(const TestOptions& options, Progress& progress, TestObserver& observer);
Result<Report> run_tests(const TestOptions& options, Progress& progress, TestObserver& observer,
                         KernelSource& source, const HostRoom& room);

}  // namespace kobox
