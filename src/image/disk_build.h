// SPDX-License-Identifier: GPL-2.0-or-later
// From a recipe to the files of a disk image, without root, loop devices or a network in a guest.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "archive/host_files.h"
#include "base/child.h"
#include "base/progress.h"
#include "base/result.h"
#include "image/disk_recipe.h"

namespace kobox {

// Who installs the packages: root, the root of a user namespace, or one that only seems to be root.
enum class DebootstrapMode { root, unshare, fakechroot };
const char* to_string(DebootstrapMode mode);

// The first that this user can use here; ErrorKind::environment says what to install.
Result<DebootstrapMode> debootstrap_mode();

// Removes a directory with a system in it, whole or in part, also when the user wants to stop. What
// cannot be removed stays.
void remove_system(const std::filesystem::path& directory);

struct BuiltDisk {
  std::vector<std::string> packages;  // "name version"
};
// Makes disk.qcow2 and overlay.qcow2 in an empty directory. Progress under the key `name`. A minute
// or two; what is begun goes away if it does not come to its end. Errors: environment (a program is
// missing, no space, the mirror cannot be reached, it has no such package or no such version of
// the kernel), usage (a suite or package name that cannot be), interrupted.
Result<BuiltDisk> build_disk(const DiskRecipe& recipe, const std::filesystem::path& directory,
                             const std::string& name, Progress& progress,
                             const HostFiles& host = {});

// What a failed mmdebstrap means, from all that it printed.
Error explain_debootstrap(std::string_view output, const DiskRecipe& recipe,
                          const std::filesystem::path& directory);

// apt's sources for an image: the suite at the host's mirror, and the kernel's, if that is another.
Result<std::string> disk_sources(const DiskRecipe& recipe, const HostFiles& host);

}  // namespace kobox
