// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/deb.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <fstream>
#include <memory>
#include <string>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"

namespace kobox {
namespace {

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;
using Writer = std::unique_ptr<archive, decltype(&archive_write_free)>;

std::string why(archive* one) {
  const char* text = archive_error_string(one);
  return text != nullptr ? printable(text) : "unknown error";
}

// The inner archive reads straight out of the outer one's current entry.
struct Nested {
  archive* outer = nullptr;
  std::array<char, 65536> buffer = {};
};

la_ssize_t read_nested(archive* inner, void* data, const void** bytes) {
  auto* nested = static_cast<Nested*>(data);
  const auto got = archive_read_data(nested->outer, nested->buffer.data(), nested->buffer.size());
  if (got < 0) archive_set_error(inner, archive_errno(nested->outer), "the outer archive is cut");
  *bytes = nested->buffer.data();
  return got;
}

// "./usr/src/x" → "usr/src/x"; nothing for the package's own root.
Result<std::string> safe_name(const char* raw) {
  if (raw == nullptr) return fail(ErrorKind::environment, "an entry has no name");
  std::string name;
  for (const auto& part : split(raw, '/')) {
    if (part == ".." || (part.empty() && name.empty() && raw[0] == '/'))
      return fail(ErrorKind::environment, "the entry '{}' would leave its directory",
                  printable(raw));
    if (part.empty() || part == ".") continue;
    if (!name.empty()) name += '/';
    name += part;
  }
  return name;
}

enum class As { tree, root };

Result<> check_kind(archive_entry* entry, const std::string& name, As as) {
  const auto type = archive_entry_filetype(entry);
  const char* link = archive_entry_symlink(entry);
  const bool known = type == AE_IFREG || type == AE_IFDIR || type == AE_IFLNK;
  if (as == As::root && (known || archive_entry_hardlink(entry) != nullptr)) return {};
  if (!known || archive_entry_hardlink(entry) != nullptr)
    return fail(ErrorKind::environment,
                "the entry '{}' is neither file, directory nor symbolic link", printable(name));
  if (type == AE_IFLNK && (link == nullptr || link[0] == '/'))
    return fail(ErrorKind::environment, "the entry '{}' is a link to an absolute path",
                printable(name));
  return {};
}

Result<> write_entry(archive* from, archive* disk, archive_entry* entry, const fs::path& to) {
  archive_entry_set_pathname(entry, to.c_str());
  archive_entry_set_perm(entry, archive_entry_perm(entry) & 0755);
  const auto failed = [&]() -> Result<> {
    // A refusal of libarchive's own (a way through a link) has a text but no errno.
    errno = archive_errno(disk);
    if (errno > 0) return fail_errno("cannot write {}", to.string());
    return fail(ErrorKind::environment, "cannot write {}: {}", to.string(), why(disk));
  };
  if (archive_write_header(disk, entry) < ARCHIVE_OK) return failed();
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (true) {
    if (interrupted()) return fail_interrupted();
    const int status = archive_read_data_block(from, &block, &size, &offset);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN)
      return fail(ErrorKind::environment, "it is damaged or cut short ({})", why(from));
    if (archive_write_data_block(disk, block, size, offset) < ARCHIVE_OK) return failed();
  }
  if (archive_write_finish_entry(disk) < ARCHIVE_OK) return failed();
  return {};
}

// Where a symbolic link of the entry `name`, put at `place`, has to point to: where `link` leads in
// the package's own root, relative to the place. ".." above the root stays at the root, as in a
// path.
fs::path link_within_root(const std::string& name, const fs::path& place, const fs::path& link) {
  const auto from = fs::path("/") / name;
  const auto leads_to = (from.parent_path() / link).lexically_normal();
  return leads_to.lexically_relative((fs::path("/") / place).parent_path());
}

class Unpacking {
 public:
  Unpacking(fs::path target, As as, const Placement& place,
            const std::function<void(std::uint64_t)>& on_bytes)
      : target_(std::move(target)), as_(as), place_(place), on_bytes_(on_bytes) {}

  Result<> run(archive* outer) {
    Nested nested{.outer = outer};
    const Reader tar(archive_read_new(), archive_read_free);
    archive_read_support_filter_xz(tar.get());
    archive_read_support_filter_gzip(tar.get());
    archive_read_support_filter_zstd(tar.get());
    archive_read_support_format_tar(tar.get());
    if (archive_read_open(tar.get(), &nested, nullptr, read_nested, nullptr) != ARCHIVE_OK)
      return fail(ErrorKind::environment, "it is damaged ({})", why(tar.get()));
    return take(tar.get(), outer);
  }

  // `counted`: the archive that reads the file itself.
  Result<> take(archive* reader, archive* counted) {
    const Writer disk(archive_write_disk_new(), archive_write_free);
    archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
                                                   ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                                                   ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    while (true) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(reader, &entry);
      if (status == ARCHIVE_EOF) break;
      if (status < ARCHIVE_WARN)
        return fail(ErrorKind::environment, "it is damaged or cut short ({})", why(reader));
      KOBOX_CHECK(one(reader, disk.get(), entry));
      on_bytes_(static_cast<std::uint64_t>(archive_filter_bytes(counted, -1)));
    }
    // Directories get their times only now; a failure of that harms nothing.
    archive_write_close(disk.get());
    return {};
  }

 private:
  Result<> one(archive* tar, archive* disk, archive_entry* entry) {
    if (interrupted()) return fail_interrupted();
    KOBOX_TRY(const auto name, safe_name(archive_entry_pathname(entry)));
    if (name.empty()) return {};
    const auto place = place_(name);
    if (!place) return {};
    KOBOX_CHECK(check_kind(entry, name, as_));
    if (as_ == As::root) {
      if (const char* link = archive_entry_symlink(entry))
        archive_entry_set_symlink(entry, link_within_root(name, *place, link).c_str());
      if (const char* link = archive_entry_hardlink(entry)) return hard_link(*place, link);
    }
    return write_entry(tar, disk, entry, target_ / *place);
  }

  // Both ends are below the target, and no way to them leads through a link: the directories are
  // those that the placement names.
  Result<> hard_link(const fs::path& place, const char* link) const {
    KOBOX_TRY(const auto name, safe_name(link));
    const auto original = place_(name);
    if (!original) return {};
    std::error_code error;
    const auto file = fs::symlink_status(target_ / *original, error);
    if (file.type() != fs::file_type::regular)
      return fail(ErrorKind::environment, "the entry '{}' is a link to '{}', which is no file",
                  printable(place.string()), printable(link));
    KOBOX_CHECK(remove_tree(target_ / place));
    fs::create_hard_link(target_ / *original, target_ / place, error);
    if (error)
      return fail(ErrorKind::environment, "cannot link {}: {}", (target_ / place).string(),
                  error.message());
    return {};
  }

  fs::path target_;
  As as_;
  const Placement& place_;
  const std::function<void(std::uint64_t)>& on_bytes_;
};

// libarchive refuses to write through any symbolic link, also one above the target that the user
// has chosen (~/.cache on another disk): those are resolved first.
Result<fs::path> resolved(const fs::path& target) {
  std::error_code error;
  auto real = fs::canonical(target, error);
  if (error)
    return fail(ErrorKind::environment, "cannot use the directory {}: {}", target.string(),
                error.message());
  return real;
}

Result<> unpack(const fs::path& deb, const fs::path& target, As as, const Placement& place,
                const std::function<void(std::uint64_t)>& on_bytes) {
  KOBOX_TRY(const auto real, resolved(target));
  const Reader outer(archive_read_new(), archive_read_free);
  archive_read_support_format_ar(outer.get());
  const auto action = "unpacking " + deb.filename().string();
  if (archive_read_open_filename(outer.get(), deb.c_str(), 65536) != ARCHIVE_OK)
    return fail(ErrorKind::environment, "{}: {}", action, why(outer.get()));
  archive_entry* entry = nullptr;
  while (archive_read_next_header(outer.get(), &entry) == ARCHIVE_OK) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || !std::string_view(name).starts_with("data.tar")) continue;
    KOBOX_CHECK_WHILE(action, Unpacking(real, as, place, on_bytes).run(outer.get()));
    return {};
  }
  return fail(ErrorKind::environment, "{}: it is no Debian package, or it is damaged", action);
}

// A lead, headers, and behind them a compressed cpio archive
// (https://rpm-software-management.github.io/rpm/manual/format_v4.html).
Result<> unpack_rpm(const fs::path& rpm, const fs::path& target, const Placement& place,
                    const std::function<void(std::uint64_t)>& on_bytes) {
  KOBOX_TRY(const auto real, resolved(target));
  const Reader reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_rpm(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_cpio(reader.get());
  const auto action = "unpacking " + rpm.filename().string();
  if (archive_read_open_filename(reader.get(), rpm.c_str(), 65536) != ARCHIVE_OK)
    return fail(ErrorKind::environment, "{}: it is damaged ({})", action, why(reader.get()));
  KOBOX_CHECK_WHILE(action,
                    Unpacking(real, As::tree, place, on_bytes).take(reader.get(), reader.get()));
  return {};
}

}  // namespace

Result<> unpack_deb(const std::filesystem::path& deb, const std::filesystem::path& target,
                    const Placement& place, const std::function<void(std::uint64_t)>& on_bytes) {
  return unpack(deb, target, As::tree, place, on_bytes);
}

Result<> unpack_package(const std::filesystem::path& file, const std::filesystem::path& target,
                        const Placement& place,
                        const std::function<void(std::uint64_t)>& on_bytes) {
  constexpr std::string_view k_ar = "!<arch>\n";
  constexpr std::string_view k_rpm = "\xed\xab\xee\xdb";
  std::ifstream stream(file, std::ios::binary);
  std::array<char, 8> magic = {};
  if (!stream)
    return fail(ErrorKind::usage, "there is no package file {}, or it cannot be read",
                file.string());
  stream.read(magic.data(), magic.size());
  const std::string_view begins(magic.data(), magic.size());
  if (begins == k_ar) return unpack_deb(file, target, place, on_bytes);
  if (begins.starts_with(k_rpm)) return unpack_rpm(file, target, place, on_bytes);
  return fail(ErrorKind::usage, "{} is neither a Debian package nor an RPM", file.string());
}

Result<> unpack_deb_as_root(const std::filesystem::path& deb, const std::filesystem::path& target,
                            const Placement& place,
                            const std::function<void(std::uint64_t)>& on_bytes) {
  return unpack(deb, target, As::root, place, on_bytes);
}

}  // namespace kobox
