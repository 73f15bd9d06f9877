// SPDX-License-Identifier: GPL-2.0-or-later
// One kernel's way from source to results.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/budget.h"
#include "harness/run_record.h"
#include "harness/slots.h"
#include "harness/test_run.h"

namespace kobox {

// What all kernels of a run of kobox share.
struct SharedRun {
  const TestOptions& options;
  const std::vector<KernelPlan>& plan;
  Progress& progress;
  SharedObserver observer;
  KernelSource& source;
  Budget budget;
  // Who takes both takes a machine first: a test must not wait for a machine while it keeps others
  // from working.
  Slots machines{budget.machines};  // all that live, those that only settle included
  Slots working{budget.jobs};       // a build, a boot, a machine whose test is being run
};

struct KernelDone {
  std::string module;  // its name, "" if it was not built
  RunResult result;
  std::optional<Kernel> kernel = {};  // once it is known
  bool interrupted = false;
  // An error of the user's (no such kernel, no such image) that kept all of it from beginning;
  // `result` has it too.
  std::optional<Error> usage_error = {};
};

// Runs the tests of plan[index]. Whatever happens is in the result.
KernelDone run_on_kernel(SharedRun& shared, std::size_t index);

}  // namespace kobox
