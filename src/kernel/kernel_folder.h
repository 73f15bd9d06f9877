// SPDX-License-Identifier: GPL-2.0-or-later
// One kernel's folder in the cache and the kernel.json in it, which says what must be there.
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

// Completes `stored` (identity, bytes) and writes folder/kernel.json with the sizes of the
// folder's files. The kernel's paths lie below the folder and are kept relative, so that the
// cache can be moved.
Result<> save_kernel(const std::filesystem::path& folder, StoredKernel& stored);

// ErrorKind::environment with what is wrong if the json is missing or of another schema, or if
// any of the files that it names is missing or has another size. Whoever damages a file without
// changing its size is not found out.
Result<StoredKernel> load_kernel(const std::filesystem::path& folder);

// "gcc-12" from CONFIG_CC_VERSION_TEXT in the build tree's .config or include/config/auto.conf;
// "" if neither says it.
std::string compiler_of(const std::filesystem::path& headers);

// The release that a build tree makes modules for, or "".
std::string release_of_headers(const std::filesystem::path& headers);

}  // namespace kobox
