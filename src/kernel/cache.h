// SPDX-License-Identifier: GPL-2.0-or-later
// What this room has in the cache directory: how much, since when unused, and the way to drop it.
//
// Whoever uses a kernel holds its use_lock for as long; nothing is removed under one.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct CacheEntry {
  enum class Kind {
    kernel,           // fetched: kernels/RELEASE
    unpacked_kernel,  // of a vmlinuz of the user's: kernels/by-content/DIGEST
    package_lists,    // apt's private state for one release of Debian: apt/NAME
    build_root,       // roots/NAME (archive/build_root.h)
  };
  Kind kind = Kind::kernel;
  std::string name;  // release, digest, or the directory's
  std::filesystem::path path;
  std::uint64_t bytes = 0;  // on disk
  std::chrono::system_clock::time_point last_used;
  bool in_use = false;  // a running kobox holds it
};

// Holds a kernel that KernelStore::ensure returned against removal, shared with other users of
// it. Waits as long as it is being fetched or removed. ErrorKind::environment if it has been
// removed since.
Result<FileLock> use_lock(const Kernel& kernel);

// Sets the time that last_used says. A cache that cannot be written is no error.
void mark_used(const Kernel& kernel);

// Everything there is, the longest unused first. Reads sizes of all files: tenths of a second.
Result<std::vector<CacheEntry>> kernel_cache_entries(const std::filesystem::path& cache);

// ErrorKind::environment if it is in use.
Result<> remove_cache_entry(const CacheEntry& entry);

}  // namespace kobox
