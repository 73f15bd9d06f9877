// SPDX-License-Identifier: GPL-2.0-or-later
// A run of kobox test on a cluster: submits its shards as a job array, waits, gathers, merges.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "verdict/verdict.h"

namespace kobox {

struct SlurmRun {
  Report whole;                      // what is to be run: module, project, selectors, tests
  std::vector<std::string> command;  // kobox test with all but shard, times, format and output
  // Of each shard the kernels, as they are asked for, and tests that it has.
  std::vector<std::set<std::pair<std::string, std::string>>> shards;
  Report times;                     // that balance them
  std::vector<std::string> sbatch;  // more arguments for sbatch
  std::filesystem::path state;      // below it the shards leave their reports: the nodes must have
                                    // it too, as they must have kobox and the module
};

// The merged report. A shard that leaves none, since its node died, say, is an error of kind
// environment of all its tests. After an interrupt the job is cancelled, and the report has what
// was known until then. Errors: environment or tool, if nothing could be submitted.
Result<Report> run_on_slurm(const SlurmRun& run, Progress& progress);

}  // namespace kobox
