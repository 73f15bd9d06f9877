// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel from package files of the user's, of any distribution.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// Unpacks the .deb and .rpm files of one kernel (image, modules, headers) into kernels/RELEASE,
// where it is complete or not at all, in place of what may stand there. What the files are called
// does not matter, only what lies in them:
//
//   boot/vmlinuz-RELEASE               the image, which tells the release; or
//     [usr/]lib/modules/RELEASE/vmlinuz
//   [usr/]lib/modules/RELEASE/         the modules
//   usr/src/linux-*, usr/lib/linux-*   headers as Debian and Ubuntu lay them out; the build tree
//                                      is usr/src/linux-headers-RELEASE
//   usr/src/kernels/RELEASE            the build tree as Fedora lays it out
//
// Nothing is installed, no script of theirs is run, and their signatures are not looked at. Without
// headers or modules among them it is added with a note. Waits for others that use the release.
// Errors: usage (no package, no image or two, headers that lead into a package that is not given),
// environment (damaged, disk full, what would be written outside), interrupted.
Result<Kernel> add_packages(const std::vector<std::filesystem::path>& files,
                            const std::filesystem::path& kernels, Progress& progress);

// Where an entry goes below kernels/RELEASE. For the tests.
std::optional<std::filesystem::path> place_foreign_entry(std::string_view entry,
                                                         std::string_view release);

}  // namespace kobox
