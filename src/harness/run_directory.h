// SPDX-License-Identifier: GPL-2.0-or-later
// The private directory of one machine: its console log lives there.
//
// Below <state>/runs/, 0700. It goes away with its owner, unless something failed in it. Of the
// kept ones only the newest hundred stay, so that failures do not fill the disk over the years.
#pragma once

#include <filesystem>
#include <optional>

#include "base/files.h"
#include "base/result.h"

namespace kobox {

class RunDirectory {
 public:
  static Result<RunDirectory> make(const std::filesystem::path& state, bool keep);
  RunDirectory(RunDirectory&&) = default;
  RunDirectory& operator=(RunDirectory&& other) noexcept;
  ~RunDirectory();

  const std::filesystem::path& path() const { return path_; }
  void keep() { keep_ = true; }

 private:
  RunDirectory(TempDir directory, FileLock lock, bool keep)
      : path_(directory.path()),
        directory_(std::move(directory)),
        lock_(std::move(lock)),
        keep_(keep) {}
  std::filesystem::path path_;
  std::optional<TempDir> directory_;
  FileLock lock_;  // in the directory: who prunes sees that it is in use
  bool keep_;
};

}  // namespace kobox
