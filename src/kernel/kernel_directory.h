// SPDX-License-Identifier: GPL-2.0-or-later
// One kernel's directory in the cache.
//
//   kernel.json  the kernel, and every file below the directory with its size
//   checked      the kernel again, and when its files were last found complete: the host's boot,
//   and
//                device, inode, size and change time of kernel.json, vmlinuz, vmlinux and of the
//                directories of headers and modules
//   used         its time of change is the last use (kernel/cache.h)
//
// To look at all 13,000 files of a Debian kernel takes longer than everything else before a test.
// So while `checked` holds, they are believed. What is noticed at once: a directory that was
// copied, moved to another file system or unpacked again, also in part, and a vmlinuz or vmlinux
// that was changed. What is noticed at the next boot of the host only: a file deep inside that
// somebody removed or cut off, which a build or a load stumbles over meanwhile; and, since power
// may have been lost, everything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct StoredKernel {
  Kernel kernel;  // its paths are absolute
  std::string suite;
  std::uint64_t bytes = 0;  // on disk
};

// Completes `stored` (identity, bytes) and writes directory/kernel.json with the sizes of the
// directory's files. The kernel's paths lie below the directory and are kept relative, so that the
// cache can be moved.
Result<> save_kernel(const std::filesystem::path& directory, StoredKernel& stored);

// ErrorKind::environment with what is wrong if the json is missing or of another schema, or if,
// where `checked` does not hold, any of the files that it names is missing or has another size.
// Whoever damages a file without changing its size is not found out.
Result<StoredKernel> load_kernel(const std::filesystem::path& directory);

// "gcc-12" from CONFIG_CC_VERSION_TEXT in the build tree's .config or include/config/auto.conf;
// "" if neither says it.
std::string compiler_of(const std::filesystem::path& headers);

// The release that a build tree makes modules for, or "".
std::string release_of_headers(const std::filesystem::path& headers);

}  // namespace kobox
