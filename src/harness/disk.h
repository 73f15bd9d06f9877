// SPDX-License-Identifier: GPL-2.0-or-later
// Which disk a project's machine on a kernel has.
#pragma once

#include <filesystem>

#include "base/progress.h"
#include "base/result.h"
#include "image/disk_store.h"
#include "kernel/kernel.h"
#include "project/project.h"

namespace kobox {

struct LabOptions;

// The image that the project names, or the one for this kernel, which is built if there is none.
// Errors: usage (no such image; it has another kernel), environment (see build_disk).
Result<HeldDisk> hold_disk(const LabOptions& options, const Project& project, const Kernel& kernel,
                           Progress& progress);

// As the machine gets it. `kept_layer`: GuestDisk::kept_layer.
GuestDisk guest_disk(const Project& project, const HeldDisk& held,
                     const std::filesystem::path& kept_layer = {});

}  // namespace kobox
