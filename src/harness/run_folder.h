// SPDX-License-Identifier: GPL-2.0-or-later
// The private folder of one machine: its console log lives there.
//
// Below <state>/runs/, 0700. It goes away with its owner, unless something failed in it. Of the
// kept ones only the newest hundred stay, so that failures do not fill the disk over the years.
#pragma once

#include <filesystem>
#include <optional>

#include "base/files.h"
#include "base/result.h"

namespace kobox {

class RunFolder {
 public:
  static Result<RunFolder> make(const std::filesystem::path& state, bool keep);
  RunFolder(RunFolder&&) = default;
  RunFolder& operator=(RunFolder&& other) noexcept;
  ~RunFolder();

  const std::filesystem::path& path() const { return path_; }
  void keep() { keep_ = true; }

 private:
  RunFolder(TempDir folder, FileLock lock, bool keep)
      : path_(folder.path()), folder_(std::move(folder)), lock_(std::move(lock)), keep_(keep) {}
  std::filesystem::path path_;
  std::optional<TempDir> folder_;
  FileLock lock_;  // in the folder: who prunes sees that it is in use
  bool keep_;
};

}  // namespace kobox
