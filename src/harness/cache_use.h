// SPDX-License-Identifier: GPL-2.0-or-later
// What a run has to do with the cache as a whole. What lies there: workbench/cache.h.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "guest/template.h"

namespace kobox {

// While it lives, what a run needs of the cache (builds, programs, initramfs) stays there: one lock
// for all of it, since a run looks for many of them, one after the other. Waits for a prune that is
// under way. Errors: environment (the cache cannot be written), interrupted.
Result<FileLock> use_cache(const std::filesystem::path& cache);
// The same lock for who removes things; nothing if somebody uses the cache, or if there is none.
Result<std::optional<FileLock>> own_cache(const std::filesystem::path& cache);
bool is_cache_used(const std::filesystem::path& cache);

// What kobox does by itself after it has saved a machine: removes the longest unused of the saved
// machines until they fit their limit, and gives what it removed. That is KOBOX_CACHE_LIMIT
// ("20G"), or 10 GB; ErrorKind usage if it is no size. Other things in the cache are small.
Result<std::vector<SavedMachine>> trim_saved_machines(const std::filesystem::path& cache);

}  // namespace kobox
