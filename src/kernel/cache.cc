// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace kobox {
namespace {

constexpr const char* k_stamp = "used";

// Of a kernel: beside its directory. apt's state has its lock inside (apt.cc).
fs::path lock_of(CacheEntry::Kind kind, const fs::path& path) {
  if (kind == CacheEntry::Kind::package_lists) return path / "lock";
  return path.string() + ".lock";
}

std::chrono::system_clock::time_point modified(const fs::path& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return std::chrono::system_clock::from_time_t(info.st_mtime);
}

Result<CacheEntry> describe(CacheEntry::Kind kind, const fs::path& path) {
  CacheEntry entry{.kind = kind, .name = path.filename().string(), .path = path};
  entry.bytes = disk_usage(path);
  entry.last_used = std::max(modified(path / k_stamp), modified(path));
  // Only a lock that is there can be held; making one would leave a file behind.
  std::error_code ignored;
  const auto lock = lock_of(kind, path);
  if (fs::exists(lock, ignored)) {
    KOBOX_TRY(const auto held, FileLock::try_acquire(lock, LockMode::exclusive));
    entry.in_use = !held.has_value();
  }
  return entry;
}

Result<> add_directories(CacheEntry::Kind kind, const fs::path& parent,
                         std::vector<CacheEntry>& entries) {
  std::error_code error;
  for (const auto& item : fs::directory_iterator(parent, error)) {
    const auto name = item.path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.') || name == "by-content" || !item.is_directory(ignored)) continue;
    KOBOX_TRY(auto entry, describe(kind, item.path()));
    entries.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Result<FileLock> use_lock(const Kernel& kernel) {
  const auto directory = kernel.vmlinux.parent_path();
  KOBOX_TRY(auto lock, FileLock::acquire(lock_of(CacheEntry::Kind::kernel, directory),
                                         LockMode::shared, Deadline::never()));
  std::error_code ignored;
  if (!fs::exists(kernel.vmlinux, ignored))
    return fail(ErrorKind::environment,
                "the kernel {} has just been removed from the cache; run the command again",
                kernel.release);
  return lock;
}

void mark_used(const Kernel& kernel) {
  const auto stamp = kernel.vmlinux.parent_path() / k_stamp;
  const Fd fd(::open(stamp.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (fd) ::futimens(fd.get(), nullptr);
}

Result<std::vector<CacheEntry>> kernel_cache_entries(const std::filesystem::path& cache) {
  std::vector<CacheEntry> entries;
  KOBOX_CHECK(add_directories(CacheEntry::Kind::kernel, cache / "kernels", entries));
  KOBOX_CHECK(
      add_directories(CacheEntry::Kind::unpacked_kernel, cache / "kernels/by-content", entries));
  KOBOX_CHECK(add_directories(CacheEntry::Kind::package_lists, cache / "apt", entries));
  KOBOX_CHECK(add_directories(CacheEntry::Kind::build_root, cache / "roots", entries));
  std::ranges::stable_sort(entries, {}, &CacheEntry::last_used);
  return entries;
}

Result<> remove_cache_entry(const CacheEntry& entry) {
  const auto path = lock_of(entry.kind, entry.path);
  KOBOX_TRY(const auto lock, FileLock::try_acquire(path, LockMode::exclusive));
  if (!lock)
    return fail(ErrorKind::environment, "{} is in use by a running kobox", entry.path.string());
  // First out of the way by one rename, so that nobody ever sees half of it.
  const auto doomed = entry.path.parent_path() / ("." + entry.name + ".removed");
  KOBOX_CHECK(remove_tree(doomed));
  std::error_code ignored;
  if (fs::exists(entry.path, ignored)) KOBOX_CHECK(rename_path(entry.path, doomed));
  KOBOX_CHECK(remove_tree(doomed));
  return remove_tree(path);
}

}  // namespace kobox
