// SPDX-License-Identifier: GPL-2.0-or-later
// Building a module inside a disk guest, with that guest's compiler and headers.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "guest/tar_files.h"
#include "harness/prepare.h"
#include "module/build.h"
#include "module/source_tree.h"
#include "vm/accel.h"

namespace kobox {

// Copies the sources into a fork of the project's disk guest, runs kbuild there as root, and brings
// the modules out into the cache, where they are found as long as the sources and the image are the
// same. `prepared` has the kernel and the disk. Errors: as build_module's; tool (the guest did not
// do its part).
Result<BuildOutcome> build_in_guest(const LabOptions& options, const Project& project,
                                    const Prepared& prepared, AccelChoice accel,
                                    const std::string& progress_key, Progress& progress);

// A module's sources, as files for the guest.
std::vector<TarFile> as_files(const std::vector<SourceEntry>& sources);

// The command that it runs there, for --dry-run.
std::string guest_make_command(const Project& project);

}  // namespace kobox
