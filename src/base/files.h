// SPDX-License-Identifier: GPL-2.0-or-later
// Whole files, temporary directories and locks: what every room does with the file system.
//
// Writers never leave half a file under its final name: they write beside it and rename.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace kobox {

namespace fs = std::filesystem;

// Absolute, without "." and "..", and without a slash at its end: its filename is the directory's.
fs::path absolute_directory(const fs::path& path);

// Whether `path` is `directory` or in it, by their names alone; no link is followed.
bool is_below(const fs::path& path, const fs::path& directory);

// The file's bytes; ErrorKind::environment if it cannot be read or is larger than max.
Result<std::string> read_file(const fs::path& path, std::uint64_t max = std::uint64_t{1} << 30);
// The same of a file that somebody made who is not trusted: ErrorKind::environment for a link, a
// FIFO (which read_file would wait for), or anything else that is no regular file.
Result<std::string> read_regular_file(const fs::path& path,
                                      std::uint64_t max = std::uint64_t{1} << 30);
// Makes the missing directories, writes a sibling, renames it into place. "No space left" is an
// ErrorKind::environment that names the path; nothing is left behind then.
Result<> write_file(const fs::path& path, std::string_view bytes);
Result<> make_directories(const fs::path& path);
// Removes a file or a directory with all in it; what is not there is no error.
Result<> remove_tree(const fs::path& path);
// Renames; the target must be on the same file system.
Result<> rename_path(const fs::path& from, const fs::path& to);
// Bytes on disk of a file or a whole directory (st_blocks).
std::uint64_t disk_usage(const fs::path& path);

// A private directory (0700) that goes away, with all in it, with its owner.
class TempDir {
 public:
  // In `parent`, which is made if missing; the name starts with prefix.
  static Result<TempDir> make(const fs::path& parent, std::string_view prefix);

  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();

  const fs::path& path() const { return path_; }
  // The directory stays; the caller owns it from now on.
  fs::path keep() { return std::exchange(path_, {}); }

 private:
  explicit TempDir(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

enum class LockMode { shared, exclusive };

// An advisory lock (flock(2)) on a file that is made if missing. Released by the destructor and
// by the kernel if the process dies.
class FileLock {
 public:
  // `path`: a file, which is made if it is not there, or a directory, in which nothing is made
  // then. Waits until the deadline for other holders; ErrorKind::timeout then, or interrupted.
  static Result<FileLock> acquire(const fs::path& path, LockMode mode, Deadline deadline);
  // Nothing if somebody else holds it.
  static Result<std::optional<FileLock>> try_acquire(const fs::path& path, LockMode mode);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// Content hash (XXH3, 128 bits) for cache keys: it tells changes apart, it is no protection
// against someone who forges contents.
class Digest {
 public:
  Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  ~Digest();
  // Each piece is hashed with its length, so that ("ab","c") and ("a","bc") differ.
  Digest& add(std::string_view piece);
  Result<> add_file(const fs::path& path);
  std::string hex() const;  // 32 characters

 private:
  void* state_;
};

// XDG base directories (freedesktop.org, XDG Base Directory Specification 0.8).
// ErrorKind::environment if neither the variable nor HOME is set.
Result<fs::path> cache_directory();  // $XDG_CACHE_HOME/kobox
Result<fs::path> state_directory();  // $XDG_STATE_HOME/kobox

}  // namespace kobox
