// SPDX-License-Identifier: GPL-2.0-or-later
// What a disk image holds: Debian's packages, and the few files that are kobox's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/ext4_writer.h"
#include "kernel/kernel.h"

namespace kobox {

struct DiskRecipe {
  std::string suite = "bookworm";
  std::uint64_t bytes = std::uint64_t{10} << 30;  // the disk's size as the guest sees it
  std::vector<std::string> packages;              // more than those that every image has
  Kernel kernel;                                  // one of Debian's packages
};

// The release of Debian that a kernel's disk has where nothing else is wanted: the kernel's own.
std::string default_suite(const Kernel& kernel);

// Names, versions and places that are the same in every image, so that equal recipes are equal
// images.
inline constexpr std::int64_t k_disk_epoch = 1704067200;  // 2024-01-01: no file is newer
inline constexpr const char* k_disk_uuid = "6b6f626f-7800-4000-8000-64656269616e";
inline constexpr const char* k_disk_user = "user";
inline constexpr const char* k_disk_agent = "usr/lib/kobox/agent";
inline constexpr const char* k_boot_code = "usr/lib/grub/i386-pc/boot.img";  // GRUB's first stage
inline constexpr const char* k_core_image = "boot/grub/core.img";            // and its second

// All packages, the kernel's with their versions, sorted.
std::vector<std::string> disk_packages(const DiskRecipe& recipe);

// Shell commands for mmdebstrap's --customize-hook, "$1" being the new system's root.
std::vector<std::string> disk_hooks();

// A file, directory or link that kobox puts into the image, in place of the package's if there is
// one.
struct DiskFile {
  enum class Kind { file, directory, link };
  Kind kind = Kind::file;
  std::string path;     // relative to the root
  std::string content;  // or the link's target
  Ext4Attributes attributes;
};
// Directories before what is in them. `initramfs`: of make_disk_initramfs. Errors: see find_agent.
Result<std::vector<DiskFile>> disk_files(const DiskRecipe& recipe, const std::string& initramfs);

}  // namespace kobox
