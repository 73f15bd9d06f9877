// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/disk_fill.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_sector = 512;
constexpr std::uint64_t k_first_partition = std::uint64_t{1} << 20;
// Where things are in the first sector of a PC's disk.
constexpr std::size_t k_signature = 440;
constexpr std::size_t k_table = 446;
constexpr std::size_t k_magic = 510;
constexpr unsigned char k_linux = 0x83;
constexpr std::uint64_t k_most_sectors = 0xffffffff;
constexpr std::size_t k_largest_text = std::size_t{64} << 20;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeReader>;

// libarchive does not always say what is wrong.
std::string words_of(archive* reader) {
  const char* words = archive_error_string(reader);
  return words != nullptr ? printable(words) : "it ends in the middle";
}

// "./usr/bin/" → "usr/bin"
std::string clean_path(const char* name) {
  std::string_view path = name != nullptr ? name : "";
  while (path.starts_with("./") || path.starts_with("/")) path.remove_prefix(path.find('/') + 1);
  while (path.ends_with("/")) path.remove_suffix(1);
  return path == "." ? "" : std::string(path);
}

Ext4Attributes attributes_of(archive_entry* entry) {
  Ext4Attributes attributes{.mode = static_cast<unsigned>(archive_entry_perm(entry)),
                            .uid = static_cast<unsigned>(archive_entry_uid(entry)),
                            .gid = static_cast<unsigned>(archive_entry_gid(entry)),
                            .modified = archive_entry_mtime(entry)};
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    attributes.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
  return attributes;
}

void put_number(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

class Filler {
 public:
  Filler(Ext4Writer& disk, const std::vector<DiskFile>& additions,
         const std::vector<std::string>& wanted)
      : disk_(disk), additions_(additions), wanted_(wanted.begin(), wanted.end()) {
    for (const auto& one : additions)
      if (one.kind != DiskFile::Kind::directory) replaced_.insert(one.path);
  }

  Result<> take_tar(const std::filesystem::path& tar,
                    const std::function<void(std::uint64_t)>& on_bytes) {
    const Reader reader(archive_read_new());
    archive_read_support_format_tar(reader.get());
    archive_entry* entry = nullptr;
    int status = archive_read_open_filename(reader.get(), tar.c_str(), 1 << 20);
    while (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
      status = archive_read_next_header(reader.get(), &entry);
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) break;
      if (interrupted()) return fail_interrupted();
      KOBOX_CHECK(take_entry(reader.get(), entry));
      on_bytes(static_cast<std::uint64_t>(archive_filter_bytes(reader.get(), -1)));
    }
    if (status == ARCHIVE_EOF) return {};
    return fail(ErrorKind::tool, "cannot read the system's tar: {}", words_of(reader.get()));
  }

  Result<> add_own() {
    for (const auto& one : additions_) {
      if (one.kind == DiskFile::Kind::directory)
        KOBOX_CHECK(disk_.directory(one.path, one.attributes));
      if (one.kind == DiskFile::Kind::link)
        KOBOX_CHECK(disk_.symlink(one.path, one.content, one.attributes));
      if (one.kind != DiskFile::Kind::file) continue;
      KOBOX_CHECK(disk_.begin_file(one.path, one.attributes));
      KOBOX_CHECK(disk_.append(one.content));
      KOBOX_CHECK(disk_.end_file());
    }
    return {};
  }

  DiskTexts texts() && { return std::move(texts_); }

 private:
  Result<> take_entry(archive* reader, archive_entry* entry) {
    const auto path = clean_path(archive_entry_pathname(entry));
    if (path.starts_with("dev/") || replaced_.contains(path)) return {};
    const auto attributes = attributes_of(entry);
    if (const char* other = archive_entry_hardlink(entry))
      return disk_.hard_link(path, clean_path(other));
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) return disk_.directory(path, attributes);
    if (type == AE_IFREG) return take_file(reader, path, attributes);
    if (type == AE_IFLNK) return disk_.symlink(path, archive_entry_symlink(entry), attributes);
    return disk_.node(path, type, static_cast<unsigned>(archive_entry_rdevmajor(entry)),
                      static_cast<unsigned>(archive_entry_rdevminor(entry)), attributes);
  }

  Result<> take_file(archive* reader, const std::string& path, const Ext4Attributes& attributes) {
    KOBOX_CHECK(disk_.begin_file(path, attributes));
    std::string* text = wanted_.contains(path) ? &texts_[path] : nullptr;
    for (;;) {
      const auto got = archive_read_data(reader, buffer_.data(), buffer_.size());
      if (got < 0)
        return fail(ErrorKind::tool, "cannot read {} in the system's tar: {}", printable(path),
                    words_of(reader));
      if (got == 0) return disk_.end_file();
      const std::span bytes(buffer_.data(), static_cast<std::size_t>(got));
      KOBOX_CHECK(disk_.append(bytes));
      if (text != nullptr && text->size() < k_largest_text)
        text->append(bytes.data(), bytes.size());
    }
  }

  Ext4Writer& disk_;
  const std::vector<DiskFile>& additions_;
  std::set<std::string> replaced_;
  std::set<std::string> wanted_;
  DiskTexts texts_;
  std::vector<char> buffer_ = std::vector<char>(1 << 18);
};

Result<> write_at_start(const std::filesystem::path& image, std::string_view bytes) {
  const Fd fd(::open(image.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open {}", image.string());
  if (::pwrite(fd.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail_errno("cannot write {}", image.string());
  return {};
}

Result<> make_sparse(const std::filesystem::path& image, std::uint64_t bytes) {
  const Fd fd(::open(image.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
    return fail_errno("cannot make {}", image.string());
  return {};
}

}  // namespace

Result<std::string> boot_sectors(std::string_view first_stage, std::string_view second_stage,
                                 std::uint64_t disk_bytes) {
  if (first_stage.size() != k_sector)
    return fail(ErrorKind::tool, "the image's packages have no GRUB for a PC's disk");
  if (second_stage.empty() || second_stage.size() > k_first_partition - k_sector)
    return fail(ErrorKind::tool, "GRUB's second stage has {} bytes, which do not fit",
                second_stage.size());
  std::string bytes(k_sector, '\0');
  bytes.replace(0, k_signature, first_stage.substr(0, k_signature));
  put_number(bytes, k_signature, 0x6b6f626f, 4);
  const auto first = k_first_partition / k_sector;
  // The one entry, for Linux and marked as the one to boot. Heads and cylinders, which nothing
  // reads, say "too large".
  bytes[k_table] = static_cast<char>(0x80);
  bytes.replace(k_table + 1, 3, "\xfe\xff\xff");
  bytes[k_table + 4] = static_cast<char>(k_linux);
  bytes.replace(k_table + 5, 3, "\xfe\xff\xff");
  put_number(bytes, k_table + 8, first, 4);
  put_number(bytes, k_table + 12, std::min(disk_bytes / k_sector - first, k_most_sectors), 4);
  bytes.replace(k_magic, 2, "\x55\xaa");
  // Unpatched, the first stage loads sector 1, and that what follows it.
  bytes += second_stage;
  return bytes;
}

std::vector<std::string> installed_packages(std::string_view status) {
  std::vector<std::string> packages;
  std::string name;
  bool installed = false;
  for (const auto line : lines_of(status)) {
    if (line.starts_with("Package: ")) {
      name = trim(line.substr(9));
      installed = false;
    } else if (line.starts_with("Status: ")) {
      installed = line.ends_with(" installed");
    } else if (line.starts_with("Version: ") && installed) {
      packages.push_back(fmt::format("{} {}", name, trim(line.substr(9))));
    }
  }
  std::ranges::sort(packages);
  return packages;
}

Result<DiskTexts> write_disk(const std::filesystem::path& tar, const std::filesystem::path& image,
                             std::uint64_t bytes, const std::vector<DiskFile>& additions,
                             const std::vector<std::string>& wanted,
                             const std::function<void(std::uint64_t)>& on_bytes) {
  KOBOX_CHECK(make_sparse(image, bytes));
  KOBOX_TRY(auto disk,
            Ext4Writer::make(
                {.image = image, .offset = k_first_partition, .bytes = bytes - k_first_partition},
                k_disk_uuid, k_disk_epoch));
  auto texts = wanted;
  texts.insert(texts.end(), {k_boot_code, k_core_image});
  Filler filler(disk, additions, texts);
  KOBOX_CHECK(filler.take_tar(tar, on_bytes));
  KOBOX_CHECK(filler.add_own());
  KOBOX_CHECK(disk.close());
  auto found = std::move(filler).texts();
  KOBOX_TRY(const auto start, boot_sectors(found[k_boot_code], found[k_core_image], bytes));
  KOBOX_CHECK(write_at_start(image, start));
  return found;
}

}  // namespace kobox
