// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/cache.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "debug/symbol_file.h"
#include "guest/template.h"
#include "harness/cache_use.h"
#include "image/disk_store.h"
#include "image/kept_disk.h"
#include "kernel/cache.h"

namespace kobox {
namespace {

using SystemClock = std::chrono::system_clock;

std::string kind_name(CacheEntry::Kind kind) {
  switch (kind) {
    case CacheEntry::Kind::kernel:
      return "kernel";
    case CacheEntry::Kind::unpacked_kernel:
      return "unpacked kernel";
    case CacheEntry::Kind::build_root:
      return "build root";
    case CacheEntry::Kind::package_lists:
      break;
  }
  return "package lists";
}

SystemClock::time_point changed_at(const fs::path& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? SystemClock::from_time_t(info.st_mtime)
                                          : SystemClock::time_point();
}

bool under_common_lock(const CacheItem& item) {
  return item.kind == "build" || item.kind == "program" || item.kind == "guest";
}

// A directory with a `lock` file in it is in use while somebody holds that.
bool is_locked(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory / "lock", ignored)) return false;
  const auto lock = FileLock::try_acquire(directory / "lock", LockMode::exclusive);
  return lock && !lock->has_value();
}

void add_directory_items(std::vector<CacheItem>& items, const fs::path& directory,
                         const char* kind) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().filename() == ".locks") continue;
    items.push_back({.kind = kind,
                     .name = entry.path().filename().string(),
                     .path = entry.path(),
                     .bytes = disk_usage(entry.path()),
                     .last_used = changed_at(entry.path()),
                     .in_use = is_locked(entry.path())});
  }
}

void add_symbol_files(std::vector<CacheItem>& items, const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".elf") continue;
    const auto lock = FileLock::try_acquire(symbol_file_lock(entry.path()), LockMode::exclusive);
    items.push_back({.kind = "kernel symbols",
                     .name = entry.path().filename().string(),
                     .path = entry.path(),
                     .bytes = disk_usage(entry.path()),
                     .last_used = changed_at(entry.path()),
                     .in_use = lock && !lock->has_value()});
  }
}

// The lock's empty file stays: who waits for it finds the symbols gone and makes them again.
Result<> remove_symbol_file(const fs::path& path) {
  KOBOX_TRY(const auto lock, FileLock::try_acquire(symbol_file_lock(path), LockMode::exclusive));
  return lock ? remove_tree(path) : Result<>();
}

// An image that somebody keeps changes to is in use too.
void add_images(std::vector<CacheItem>& items, const fs::path& cache, const fs::path& state) {
  const auto kept = list_kept_disks(state);
  add_directory_items(items, cache / "images", "image");
  for (auto& item : items)
    if (item.kind == "image" &&
        std::ranges::any_of(kept, [&](const KeptDiskInfo& one) { return one.image == item.name; }))
      item.in_use = true;
}

Result<> remove_image(const CacheItem& item, const fs::path& cache) {
  // What somebody who was killed left of one in the making has no name.
  if (item.name.starts_with('.')) return remove_tree(item.path);
  const DiskStore store(cache);
  return store.find(item.name) ? store.remove(item.name) : remove_tree(item.path);
}

Result<> remove_item(const CacheItem& item, const fs::path& cache) {
  if (item.kind == "image") return remove_image(item, cache);
  if (item.kind == "machine") return remove_unused_template(item.path);
  if (item.kind == "kernel symbols") return remove_symbol_file(item.path);
  if (item.kind != "kernel" && item.kind != "unpacked kernel" && item.kind != "build root" &&
      item.kind != "package lists")
    return remove_tree(item.path);
  KOBOX_TRY(const auto entries, kernel_cache_entries(cache));
  for (const auto& entry : entries)
    if (entry.path == item.path) return remove_cache_entry(entry);
  return {};
}

Result<std::vector<CacheItem>> list_items(const fs::path& cache, const fs::path& state,
                                          bool cache_is_ours) {
  std::vector<CacheItem> items;
  KOBOX_TRY(const auto kernels, kernel_cache_entries(cache));
  for (const auto& entry : kernels)
    items.push_back({.kind = kind_name(entry.kind),
                     .name = entry.name,
                     .path = entry.path,
                     .bytes = entry.bytes,
                     .last_used = entry.last_used,
                     .in_use = entry.in_use});
  add_directory_items(items, cache / "builds", "build");
  add_directory_items(items, cache / "programs", "program");
  add_directory_items(items, cache / "guests", "guest");
  for (auto& one : list_templates(cache))
    items.push_back({.kind = "machine",
                     .name = one.directory.filename().string(),
                     .path = one.directory,
                     .bytes = one.bytes,
                     .last_used = one.last_used,
                     .in_use = one.in_use});
  add_images(items, cache, state);
  add_symbol_files(items, symbol_directory(cache));
  add_directory_items(items, state / "runs", "run");
  add_directory_items(items, state / "slurm", "slurm run");
  for (auto& item : items)
    if (under_common_lock(item)) item.in_use = item.in_use || !cache_is_ours;
  std::ranges::sort(items, {}, &CacheItem::last_used);
  return items;
}

}  // namespace

Result<std::vector<CacheItem>> list_cache(const fs::path& cache, const fs::path& state) {
  return list_items(cache, state, !is_cache_used(cache));
}

Result<std::vector<CacheItem>> prune_cache(const fs::path& cache, const fs::path& state,
                                           const PrunePolicy& policy) {
  KOBOX_TRY(const auto lock, own_cache(cache));
  KOBOX_TRY(auto items, list_items(cache, state, lock.has_value()));
  std::uint64_t total = 0;
  for (const auto& item : items) total += item.bytes;
  std::vector<CacheItem> removed;
  for (const auto& item : items) {
    const bool old = policy.older_than && SystemClock::now() - item.last_used > *policy.older_than;
    const bool too_much = policy.max_bytes && total > *policy.max_bytes;
    if (item.in_use || !(policy.everything || old || too_much)) continue;
    KOBOX_CHECK(remove_item(item, cache));
    total -= item.bytes;
    removed.push_back(item);
  }
  return removed;
}

}  // namespace kobox
