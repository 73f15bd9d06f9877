// SPDX-License-Identifier: GPL-2.0-or-later
// One report of several: the shards of one run, or whole runs on different kernels.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "verdict/verdict.h"

namespace kobox {

struct NamedReport {
  std::string name;  // the file's, for errors
  Report report;
};

// A shard without a report. What it had to test is an error of kind environment in the whole.
struct LostShard {
  std::string why;  // "its node died"
  // Kernel (as it was asked for) and test; empty if that is not known.
  std::set<std::pair<std::string, std::string>> pairs = {};
};
using LostShards = std::map<int, LostShard>;

// The numbers of the shards that none of these reports is of; empty for whole runs.
std::vector<int> missing_shards(const std::vector<NamedReport>& parts);

// Runs in the order in which the kernels were asked for, tests in that of kobox.toml. All shards of
// a run must be there or in `lost`.
// ErrorKind::usage, with the file, where they do not belong together: another module, another
// kobox.toml, other kernels or tests, another number of shards, a shard twice, a test on a kernel
// twice or, with all shards there, never.
Result<Report> merge_reports(const std::vector<NamedReport>& parts, const LostShards& lost = {});

}  // namespace kobox
