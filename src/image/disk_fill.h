// SPDX-License-Identifier: GPL-2.0-or-later
// From the tar of a Debian system to a disk that boots: a partition table, GRUB before the first
// partition, and the file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/disk_recipe.h"

namespace kobox {

// Writes a raw disk image, sparse, of `bytes`. What kobox adds takes the place of what the tar has
// under the same name; what the tar has in /dev is left out. on_bytes is told how much of the tar
// was read. Returns the texts of the files in `wanted`. Errors: environment (no space, on the host
// or in the image), tool (the tar lacks GRUB, or is not a tar), interrupted.
using DiskTexts = std::map<std::string, std::string>;
Result<DiskTexts> write_disk(const std::filesystem::path& tar, const std::filesystem::path& image,
                             std::uint64_t bytes, const std::vector<DiskFile>& additions,
                             const std::vector<std::string>& wanted,
                             const std::function<void(std::uint64_t)>& on_bytes);

// The first megabyte of a disk: GRUB's first stage with a table of one partition, which begins at
// that megabyte, and the second stage after it. ErrorKind::tool if they do not fit.
Result<std::string> boot_sectors(std::string_view first_stage, std::string_view second_stage,
                                 std::uint64_t disk_bytes);

// "package version" for each that is installed, from dpkg's status file.
std::vector<std::string> installed_packages(std::string_view status);

}  // namespace kobox
