// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/cache_use.h"

#include <cstdlib>

#include "base/text.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_default_limit = std::uint64_t{10} << 30;  // bytes

fs::path common_lock(const fs::path& cache) { return cache / "lock"; }

}  // namespace

Result<FileLock> use_cache(const fs::path& cache) {
  return FileLock::acquire(common_lock(cache), LockMode::shared, Deadline::never());
}

Result<std::optional<FileLock>> own_cache(const fs::path& cache) {
  std::error_code ignored;
  if (!fs::exists(cache, ignored)) return std::nullopt;
  return FileLock::try_acquire(common_lock(cache), LockMode::exclusive);
}

bool is_cache_used(const fs::path& cache) {
  std::error_code ignored;
  if (!fs::exists(common_lock(cache), ignored)) return false;
  const auto lock = own_cache(cache);
  return lock && !lock->has_value();
}

Result<std::vector<SavedMachine>> trim_saved_machines(const fs::path& cache) {
  auto max_bytes = k_default_limit;
  if (const char* limit = std::getenv("KOBOX_CACHE_LIMIT"); limit != nullptr && limit[0] != '\0') {
    KOBOX_TRY_WHILE("KOBOX_CACHE_LIMIT", max_bytes, parse_size(limit));
  }
  return trim_templates(cache, max_bytes);
}

}  // namespace kobox
