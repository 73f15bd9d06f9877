// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/tar_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <span>

#include "base/fd.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_deepest = 64;
constexpr std::size_t k_longest_name = 255;
constexpr std::size_t k_named_left_out = 20;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

// libarchive does not always say what is wrong.
std::string words_of(archive* one) {
  const char* words = archive_error_string(one);
  return words != nullptr ? printable(words) : "it ends in the middle";
}

la_ssize_t append(archive*, void* bytes, const void* data, size_t size) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

Result<> pack_one(archive* writer, const TarFile& file) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), file.relative.c_str());
  std::string bytes;
  if (file.origin.empty()) {
    archive_entry_set_filetype(entry.get(), AE_IFLNK);
    archive_entry_set_symlink(entry.get(), file.link.c_str());
    archive_entry_set_perm(entry.get(), 0777);
  } else {
    KOBOX_TRY(bytes, read_file(file.origin));
    struct stat info = {};
    if (::stat(file.origin.c_str(), &info) == 0)
      archive_entry_set_mtime(entry.get(), info.st_mtim.tv_sec, 0);
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), file.executable ? 0755 : 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  }
  const auto size = static_cast<la_ssize_t>(bytes.size());
  if (archive_write_header(writer, entry.get()) == ARCHIVE_OK &&
      (size == 0 || archive_write_data(writer, bytes.data(), bytes.size()) == size))
    return {};
  return fail(ErrorKind::internal, "cannot pack {}: {}", file.relative.string(), words_of(writer));
}

// The parts of a path from a guest; nothing if it is one that must not be.
Result<std::vector<std::string>> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (auto& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." || part.size() > k_longest_name)
      return fail(ErrorKind::protocol, "the guest gave a path that leads elsewhere: {}",
                  printable(path.substr(0, k_longest_name)));
    parts.push_back(std::move(part));
  }
  if (path.starts_with("/") || parts.size() > k_deepest)
    return fail(ErrorKind::protocol, "the guest gave a path that must not be: {}",
                printable(path.substr(0, k_longest_name)));
  return parts;
}

class Unpacker {
 public:
  Unpacker(Fd root, const UnpackLimits& limits) : root_(std::move(root)), limits_(limits) {}

  Result<> take(archive* reader, archive_entry* entry) {
    if (++entries_ > limits_.entries)
      return fail(ErrorKind::protocol, "the guest gave more than {} files", limits_.entries);
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) return fail(ErrorKind::protocol, "the guest gave a file without a name");
    KOBOX_TRY(const auto parts, parts_of(name));
    const auto type = archive_entry_filetype(entry);
    const bool plain = archive_entry_hardlink(entry) == nullptr;
    if (plain && type == AE_IFDIR) {
      KOBOX_CHECK(enter(parts));
      return {};
    }
    if (plain && type == AE_IFREG && !parts.empty()) return take_file(reader, parts, name);
    if (done_.left_out.size() < k_named_left_out) done_.left_out.push_back(printable(name));
    return {};
  }

  Unpacked done() && { return std::move(done_); }

 private:
  // The directory of these parts, made as far as it is not there.
  Result<Fd> enter(std::span<const std::string> parts) {
    KOBOX_TRY(Fd at, reopen(root_, O_RDONLY | O_DIRECTORY));
    for (const auto& part : parts) {
      if (::mkdirat(at.get(), part.c_str(), 0755) == 0 && ++directories_ > limits_.entries)
        return fail(ErrorKind::protocol, "the guest gave more than {} directories",
                    limits_.entries);
      Fd next(::openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!next && (errno == ENOTDIR || errno == ELOOP))
        return fail(ErrorKind::protocol, "the guest gave {} as a file and as a directory",
                    printable(part));
      if (!next) return fail_errno("cannot make the directory {}", printable(part));
      at = std::move(next);
    }
    return at;
  }

  Result<> take_file(archive* reader, const std::vector<std::string>& parts, const char* name) {
    KOBOX_TRY(const auto directory, enter(std::span(parts).first(parts.size() - 1)));
    const Fd file(::openat(directory.get(), parts.back().c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file && errno == EEXIST)
      return fail(ErrorKind::protocol, "the guest gave {} twice", printable(name));
    if (!file) return fail_errno("cannot write {}", printable(name));
    ++done_.files;
    for (;;) {
      const auto got = archive_read_data(reader, buffer_.data(), buffer_.size());
      if (got == 0) return {};
      if (got < 0)
        return fail(ErrorKind::protocol, "the guest's tar is broken: {}", words_of(reader));
      done_.bytes += static_cast<std::uint64_t>(got);
      if (done_.bytes > limits_.bytes)
        return fail(ErrorKind::protocol, "the guest gave more than {}",
                    format_bytes(limits_.bytes));
      if (::write(file.get(), buffer_.data(), static_cast<std::size_t>(got)) != got)
        return fail_errno("cannot write {}", printable(name));
    }
  }

  Fd root_;
  UnpackLimits limits_;
  std::size_t entries_ = 0, directories_ = 0;
  Unpacked done_;
  std::array<char, 65536> buffer_ = {};
};

}  // namespace

Result<std::string> pack_tar(const std::vector<TarFile>& files) {
  std::string bytes;
  const std::unique_ptr<archive, FreeWriter> writer(archive_write_new());
  archive_write_set_format_pax_restricted(writer.get());
  archive_write_set_bytes_per_block(writer.get(), 0);
  // Names are bytes here and in the guest; to libarchive they would be the locale's.
  archive_write_set_options(writer.get(), "hdrcharset=BINARY");
  archive_write_open(writer.get(), &bytes, nullptr, append, nullptr);
  for (const auto& file : files) KOBOX_CHECK(pack_one(writer.get(), file));
  if (archive_write_close(writer.get()) == ARCHIVE_OK) return bytes;
  return fail(ErrorKind::internal, "cannot pack files for the guest: {}", words_of(writer.get()));
}

Result<Unpacked> unpack_tar(std::string_view bytes, const std::filesystem::path& directory,
                            const UnpackLimits& limits) {
  KOBOX_CHECK(make_directories(directory.parent_path()));
  if (::mkdir(directory.c_str(), 0755) != 0)
    return fail_errno("cannot make {}", directory.string());
  Fd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("cannot open {}", directory.string());
  Unpacker unpacker(std::move(root), limits);
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_set_options(reader.get(), "read_concatenated_archives");
  int status = archive_read_open_memory(reader.get(), bytes.data(), bytes.size());
  archive_entry* entry = nullptr;
  while (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
    status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN)
      KOBOX_CHECK(unpacker.take(reader.get(), entry));
  }
  if (status == ARCHIVE_EOF) return std::move(unpacker).done();
  return fail(ErrorKind::protocol, "the guest's tar is broken: {}", words_of(reader.get()));
}

}  // namespace kobox
