// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/run_directory.h"

#include <algorithm>
#include <vector>

namespace kobox {
namespace {

constexpr std::size_t k_kept_runs = 100;

void remove_oldest(const std::filesystem::path& runs) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runs, error))
    found.emplace_back(entry.last_write_time(error), entry.path());
  if (found.size() <= k_kept_runs) return;
  std::ranges::sort(found);
  for (std::size_t i = 0; i < found.size() - k_kept_runs; ++i) {
    const auto lock = FileLock::try_acquire(found[i].second / "lock", LockMode::exclusive);
    if (lock && *lock) fs::remove_all(found[i].second, error);
  }
}

}  // namespace

Result<RunDirectory> RunDirectory::make(const std::filesystem::path& state, bool keep) {
  const auto runs = state / "runs";
  KOBOX_TRY(auto directory, TempDir::make(runs, "run"));
  KOBOX_TRY(auto lock, FileLock::acquire(directory.path() / "lock", LockMode::shared,
                                         Deadline::after(std::chrono::seconds(5))));
  remove_oldest(runs);
  return RunDirectory(std::move(directory), std::move(lock), keep);
}

RunDirectory& RunDirectory::operator=(RunDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(directory_, other.directory_);
  std::swap(lock_, other.lock_);
  std::swap(keep_, other.keep_);
  return *this;
}

RunDirectory::~RunDirectory() {
  if (keep_ && directory_) directory_->keep();
}

}  // namespace kobox
