// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/run_folder.h"

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
  for (std::size_t i = 0; i < found.size() - k_kept_runs; ++i)
    fs::remove_all(found[i].second, error);
}

}  // namespace

Result<RunFolder> RunFolder::make(const std::filesystem::path& state, bool keep) {
  const auto runs = state / "runs";
  KOBOX_TRY(auto folder, TempDir::make(runs, "run"));
  remove_oldest(runs);
  return RunFolder(std::move(folder), keep);
}

RunFolder::~RunFolder() {
  if (keep_ && folder_) folder_->keep();
}

}  // namespace kobox
