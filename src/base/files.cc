// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/interrupt.h"

namespace kobox {
namespace {

Result<> write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail_errno("cannot write {}", path.string());
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<fs::path> xdg_directory(const char* variable, const char* below_home) {
  const char* set = std::getenv(variable);
  // The specification says to ignore a relative path.
  if (set != nullptr && set[0] == '/') return fs::path(set) / "kobox";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/')
    return fail(ErrorKind::environment,
                "neither {} nor HOME is an absolute path, so there is no place for kobox's files; "
                "set one of them",
                variable);
  return fs::path(home) / below_home / "kobox";
}

Result<std::string> read_all(const Fd& fd, const fs::path& path, std::uint64_t max) {
  std::string bytes;
  struct stat info = {};
  if (::fstat(fd.get(), &info) == 0 && info.st_size > 0)
    bytes.reserve(static_cast<std::size_t>(info.st_size));
  std::array<char, 65536> buffer;
  while (true) {
    const auto got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read {}", path.string());
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (bytes.size() > max)
      return fail(ErrorKind::environment, "{} is larger than {} bytes", path.string(), max);
  }
}

}  // namespace

Result<std::string> read_file(const fs::path& path, std::uint64_t max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot read {}", path.string());
  return read_all(fd, path, max);
}

Result<std::string> read_regular_file(const fs::path& path, std::uint64_t max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return fail_errno("cannot read {}", path.string());
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("cannot read {}", path.string());
  if (!S_ISREG(info.st_mode))
    return fail(ErrorKind::environment, "{} is not a regular file", path.string());
  return read_all(fd, path, max);
}

Result<> write_file(const fs::path& path, std::string_view bytes) {
  KOBOX_CHECK(make_directories(path.parent_path()));
  std::string sibling = path.string() + ".XXXXXX";
  Fd fd(::mkostemp(sibling.data(), O_CLOEXEC));
  if (!fd) return fail_errno("cannot write {}", path.string());
  ::fchmod(fd.get(), 0644);
  auto written = write_all(fd.get(), bytes, path);
  if (written && ::rename(sibling.c_str(), path.c_str()) != 0)
    written = fail_errno("cannot write {}", path.string());
  if (!written) ::unlink(sibling.c_str());
  return written;
}

Result<> make_directories(const fs::path& path) {
  std::error_code error;
  if (!path.empty()) fs::create_directories(path, error);
  if (error)
    return fail(ErrorKind::environment, "cannot make the directory {}: {}", path.string(),
                error.message());
  return {};
}

fs::path absolute_directory(const fs::path& path) {
  std::error_code ignored;
  const auto whole = fs::absolute(path, ignored).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

bool is_below(const fs::path& path, const fs::path& directory) {
  const auto relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

Result<> remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error)
    return fail(ErrorKind::environment, "cannot remove {}: {}", path.string(), error.message());
  return {};
}

Result<> rename_path(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return fail_errno("cannot move {} to {}", from.string(), to.string());
  return {};
}

std::uint64_t disk_usage(const fs::path& path) {
  const auto blocks = [](const fs::path& one) -> std::uint64_t {
    struct stat info = {};
    return ::lstat(one.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_blocks) * 512 : 0;
  };
  std::uint64_t total = blocks(path);
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(path, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error))
    total += blocks(it->path());
  return total;
}

Result<TempDir> TempDir::make(const fs::path& parent, std::string_view prefix) {
  KOBOX_CHECK(make_directories(parent));
  std::string name = (parent / prefix).string() + ".XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    return fail_errno("cannot make a directory in {}", parent.string());
  return TempDir(name);
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::optional<FileLock>> FileLock::try_acquire(const fs::path& path, LockMode mode) {
  KOBOX_CHECK(make_directories(path.parent_path()));
  const int operation = (mode == LockMode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  while (true) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd && errno == EISDIR) fd = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail_errno("cannot open the lock {}", path.string());
    if (::flock(fd.get(), operation) != 0) {
      if (errno == EWOULDBLOCK) return std::optional<FileLock>();
      if (errno == EINTR) continue;
      return fail_errno("cannot lock {}", path.string());
    }
    // Whoever prunes the cache may have removed the file between open and flock.
    struct stat ours = {};
    struct stat named = {};
    if (::fstat(fd.get(), &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
        ours.st_ino == named.st_ino)
      return std::optional<FileLock>(FileLock(std::move(fd)));
  }
}

Result<FileLock> FileLock::acquire(const fs::path& path, LockMode mode, Deadline deadline) {
  // flock(2) has no timeout and cannot be polled for; another holder is rare and holds long.
  while (true) {
    KOBOX_TRY(auto lock, try_acquire(path, mode));
    if (lock) return std::move(*lock);
    if (interrupted()) return fail_interrupted();
    if (deadline.passed())
      return fail(ErrorKind::timeout, "another kobox still holds {}", path.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Digest::Digest() : state_(XXH3_createState()) {
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_));
}

Digest::~Digest() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

Digest& Digest::add(std::string_view piece) {
  const std::uint64_t size = piece.size();
  auto* state = static_cast<XXH3_state_t*>(state_);
  XXH3_128bits_update(state, &size, sizeof size);
  XXH3_128bits_update(state, piece.data(), piece.size());
  return *this;
}

Result<> Digest::add_file(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return fail_errno("cannot read {}", path.string());
  auto left = static_cast<std::uint64_t>(info.st_size);
  auto* state = static_cast<XXH3_state_t*>(state_);
  XXH3_128bits_update(state, &left, sizeof left);
  std::vector<char> buffer(std::size_t{256} << 10);
  while (left > 0) {
    const auto got = ::read(fd.get(), buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read {}", path.string());
    if (got == 0) return fail(ErrorKind::environment, "{} became shorter", path.string());
    XXH3_128bits_update(state, buffer.data(), static_cast<std::size_t>(got));
    left -= static_cast<std::uint64_t>(got);
  }
  return {};
}

std::string Digest::hex() const {
  const auto value = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_));
  return fmt::format("{:016x}{:016x}", value.high64, value.low64);
}

Result<fs::path> cache_directory() { return xdg_directory("XDG_CACHE_HOME", ".cache"); }
Result<fs::path> state_directory() { return xdg_directory("XDG_STATE_HOME", ".local/state"); }

}  // namespace kobox
