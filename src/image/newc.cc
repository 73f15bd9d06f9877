// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/newc.h"

#include <archive.h>
#include <archive_entry.h>

namespace kobox {
namespace {

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

la_ssize_t append(archive*, void* bytes, const void* data, size_t size) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

void NewcArchive::FreeArchive::operator()(archive* one) const { archive_write_free(one); }

NewcArchive::NewcArchive()
    : archive_(archive_write_new()), bytes_(std::make_unique<std::string>()) {
  archive_write_set_format_cpio_newc(archive_.get());
  archive_write_set_bytes_per_block(archive_.get(), 0);
  archive_write_open(archive_.get(), bytes_.get(), nullptr, append, nullptr);
}

void NewcArchive::directory(std::string_view path, unsigned mode) {
  add(path, AE_IFDIR, mode, "", "");
}

void NewcArchive::file(std::string_view path, std::string_view data, unsigned mode) {
  add(path, AE_IFREG, mode, data, "");
}

void NewcArchive::link(std::string_view path, const std::string& target) {
  add(path, AE_IFLNK, 0777, "", target);
}

void NewcArchive::console_node() {
  Entry entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), "dev/console");
  archive_entry_set_mode(entry.get(), AE_IFCHR | 0600);
  archive_entry_set_rdevmajor(entry.get(), 5);
  archive_entry_set_rdevminor(entry.get(), 1);
  archive_entry_set_size(entry.get(), 0);  // libarchive refuses an entry whose size is not known
  failed_ = failed_ || archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK;
}

Result<std::string> NewcArchive::finish() {
  if (failed_ || archive_write_close(archive_.get()) != ARCHIVE_OK)
    return fail(ErrorKind::internal, "cannot make the initramfs: {}",
                archive_error_string(archive_.get()));
  return std::move(*bytes_);
}

void NewcArchive::add(std::string_view path, unsigned type, unsigned mode, std::string_view data,
                      const std::string& target) {
  Entry entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), std::string(path).c_str());
  archive_entry_set_mode(entry.get(), type | mode);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(data.size()));
  if (type == AE_IFLNK) archive_entry_set_symlink(entry.get(), target.c_str());
  failed_ = failed_ || archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK ||
            archive_write_data(archive_.get(), data.data(), data.size()) !=
                static_cast<la_ssize_t>(data.size());
}

}  // namespace kobox
