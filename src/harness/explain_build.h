// SPDX-License-Identifier: GPL-2.0-or-later
// Why a module does not build on one kernel and does on another: which two kernels are compared.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "harness/prepare.h"
#include "kernel/store.h"
#include "project/project.h"
#include "verdict/verdict.h"

namespace kobox {

// What became of the build for one kernel.
struct BuildOn {
  Kernel kernel;
  Failure* failure = nullptr;  // null: it built
};

// Sets Failure::api_change of each failure of kind build, where headers explain it: compared with
// the nearest of these kernels for which the module built, or, if it built for none, with the
// nearest others that are fetched. Where there is none either, the change has an advice instead of
// a summary. Several failures of one cause get the same words: "from 6.12 on", the nearest to the
// kernel that it builds for.
//
// Takes tenths of a second for each failure, and no more than five seconds in all; nothing is
// fetched. What cannot be read is not explained.
void explain_builds(std::span<const BuildOn> builds, const Project& project,
                    const LabOptions& options);

// The same for the runs of a report. `kernels`: by RunResult::selector, as far as they are known; a
// run without modules has not built any. What the runs know already is replaced: a shard knows only
// its own kernels, and a module may build for those of another.
void explain_report(Report& report, const std::map<std::string, Kernel>& kernels,
                    const Project& project, const LabOptions& options);

// The line, as --kernel takes it, whose headers are to be fetched so that a kernel of this release
// can be compared with them: the nearest other one that has some, where it can be of the same
// flavour. "" if there is none. For the tests.
std::string line_to_compare_with(std::span<const KernelEntry> known, std::string_view release);

}  // namespace kobox
