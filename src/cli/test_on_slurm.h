// SPDX-License-Identifier: GPL-2.0-or-later
// kobox test --on slurm
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "cli/command.h"
#include "harness/test_run.h"

namespace kobox {

struct SlurmArguments {
  std::string on;  // "": this machine
  int shards = 0;  // 0: one a kernel
  std::string partition;
  std::vector<std::string> sbatch;
};

void add_slurm_options(CLI::App& command, SlurmArguments& arguments);
// ErrorKind::usage for options that need --on slurm, and for another place than that.
Result<> check_slurm_options(const SlurmArguments& arguments);

// Has the kernels fetched and the build roots and disk images made here, as a cluster's nodes often
// have no network, and runs the tests there. `words`: the options for kobox test on a node, without
// those that say which part of all it runs and what becomes of the report.
Result<Report> test_on_slurm(const SlurmArguments& arguments, const TestOptions& options,
                             const std::vector<std::string>& words, Progress& progress);

}  // namespace kobox
