// SPDX-License-Identifier: GPL-2.0-or-later
// One kernel's way from source to results.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "harness/slots.h"
#include "harness/test_run.h"

namespace kobox {

// What all kernels of a run of kobox share.
struct SharedRun {
  const TestOptions& options;
  const std::vector<TestSpec>& tests;
  Progress& progress;
  TestObserver& observer;
  std::mutex observing = {};  // held while the observer is called
  Slots working;              // a machine whose test is being run, or a build, or a boot
  Slots machines;             // all machines that tests have, those that only settle included
  int threads = 1;            // for each kernel

  SharedRun(const TestOptions& run_options, const std::vector<TestSpec>& chosen,
            Progress& run_progress, TestObserver& run_observer, int jobs);
};

struct KernelDone {
  std::string module;  // its name, "" if it was not built
  RunResult result;
};

// Runs all tests on the kernel options.selectors[index]. Errors: see run_tests.
Result<KernelDone> run_on_kernel(SharedRun& shared, std::size_t index);

}  // namespace kobox
