// SPDX-License-Identifier: GPL-2.0-or-later
// What kobox keeps on disk, over all rooms: for `kobox cache list|prune`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace kobox {

struct CacheItem {
  std::string kind;  // kernel, unpacked kernel, package lists, guest, machine, image, build,
                     // program, run, slurm run
  std::string name;
  std::filesystem::path path;
  std::uint64_t bytes = 0;  // on disk
  std::chrono::system_clock::time_point last_used;
  bool in_use = false;
};

// Everything, the longest unused first.
Result<std::vector<CacheItem>> list_cache(const std::filesystem::path& cache,
                                          const std::filesystem::path& state);

struct PrunePolicy {
  std::optional<std::chrono::seconds> older_than;  // unused for longer than this
  std::optional<std::uint64_t> max_bytes;          // then the longest unused, until all fit
  bool everything = false;
};

// Removes what the policy says and nobody uses; returns what was removed.
Result<std::vector<CacheItem>> prune_cache(const std::filesystem::path& cache,
                                           const std::filesystem::path& state,
                                           const PrunePolicy& policy);

}  // namespace kobox
