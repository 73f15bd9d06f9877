// SPDX-License-Identifier: GPL-2.0-or-later
// What kobox keeps on disk, over all rooms: for `kobox cache list|prune`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace kobox {

struct CacheItem {
  std::string kind;  // kernel, unpacked kernel, package lists, guest, machine, image, build,
                     // program, run
  std::string name;
  std::filesystem::path path;
  std::uint64_t bytes = 0;  // on disk
  std::chrono::system_clock::time_point last_used;
  bool in_use = false;
};

// While it lives, what a run needs of the cache (builds, programs, initramfs) stays there. Waits
// for a prune that is under way. Errors: environment (the cache cannot be written), interrupted.
Result<FileLock> use_cache(const std::filesystem::path& cache);

// Everything, the longest unused first.
Result<std::vector<CacheItem>> list_cache(const std::filesystem::path& cache,
                                          const std::filesystem::path& state);

struct PrunePolicy {
  std::optional<std::chrono::seconds> older_than;  // unused for longer than this
  std::optional<std::uint64_t> max_bytes;          // then the longest unused, until all fit
  bool everything = false;
  bool only_machines = false;  // looks at nothing but saved machines
};

// Removes what the policy says and nobody uses; returns what was removed.
Result<std::vector<CacheItem>> prune_cache(const std::filesystem::path& cache,
                                           const std::filesystem::path& state,
                                           const PrunePolicy& policy);

// What kobox does by itself after it has saved a machine: removes the longest unused of the saved
// machines until they fit their limit. That is KOBOX_CACHE_LIMIT ("20G"), or 10 GB; ErrorKind
// usage if it is no size. Other things in the cache are small.
Result<std::vector<CacheItem>> trim_cache(const std::filesystem::path& cache,
                                          const std::filesystem::path& state);

}  // namespace kobox
