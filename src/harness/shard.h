// SPDX-License-Identifier: GPL-2.0-or-later
// Which part of a run is one machine's. Pure, and the same on every machine: together the shards
// have every test on every kernel once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "project/project.h"
#include "verdict/verdict.h"

namespace kobox {

// "2/5". ErrorKind::usage says what is wrong with it.
Result<Shard> parse_shard(std::string_view text);

// A kernel with those of the tests that are to be run on it; never none.
struct KernelPlan {
  std::string selector;
  std::vector<TestSpec> tests;
};

// The (kernel, test) pairs stand in one row, kernel by kernel, which is cut into `shard.count`
// pieces of about the same cost; neighbours stay together, since each kernel that a machine has
// tests of costs it a build and a boot. A pair costs what it took in `times`, an earlier report on
// the same kernels; what that does not have, or could not judge, and all without one, costs the
// mean.
std::vector<KernelPlan> plan_shard(const std::vector<std::string>& selectors,
                                   const std::vector<TestSpec>& tests, Shard shard,
                                   const Report& times);

// Does the report tell plan_shard the time of any test?
bool has_times(const Report& report);

}  // namespace kobox
