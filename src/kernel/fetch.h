// SPDX-License-Identifier: GPL-2.0-or-later
// From Debian's packages of one kernel to its directory in the cache.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "archive/apt.h"
#include "archive/package_index.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel_directory.h"

namespace kobox {

// Downloads and unpacks into a directory beside kernels/RELEASE and renames it there, in place of
// what may stand there damaged. Whatever goes wrong, nothing half stays. The caller holds the
// release's lock exclusively. Says what it does under the release as the progress key.
Result<StoredKernel> fetch_kernel(const Apt& apt, const KernelPackages& packages,
                                  const std::filesystem::path& kernels, Progress& progress);

// Where the entries of the kernel's packages go: vmlinuz, modules/ and headers/usr/…; the rest
// (documentation, System.map, hooks) is left out. For the tests.
std::optional<std::filesystem::path> place_entry(std::string_view entry, std::string_view release);

// Debian's build trees include one another by absolute paths (/usr/src/…, /usr/lib/…): makes
// those in the top Makefiles below usr/src relative to the file itself.
Result<> relocate_headers(const std::filesystem::path& usr);

}  // namespace kobox
