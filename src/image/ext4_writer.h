// SPDX-License-Identifier: GPL-2.0-or-later
// Writes files, with owners and modes, straight into an ext4 file system in an image file: no
// root, no loop device, no mount. On top of libext2fs; the same calls give the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kobox {

struct Ext4Place {
  std::filesystem::path image;
  std::uint64_t offset = 0;  // where the file system begins in the image, bytes
  std::uint64_t bytes = 0;   // how large it is
};

struct Ext4Attributes {
  unsigned mode = 0644;  // permission bits
  unsigned uid = 0, gid = 0;
  std::int64_t modified = 0;  // seconds since 1970
  std::vector<std::pair<std::string, std::string>> xattrs = {};
};

class Ext4Writer {
 public:
  // Makes the file system (mke2fs) and opens it. `uuid` names it and seeds its hashes; `now` is
  // its time of creation. Errors: environment (no mke2fs, no space), interrupted.
  static Result<Ext4Writer> make(const Ext4Place& place, const std::string& uuid, std::int64_t now);
  Ext4Writer(Ext4Writer&&) noexcept;
  Ext4Writer& operator=(Ext4Writer&&) noexcept;
  ~Ext4Writer();  // without close() the file system is not fit for use

  // Paths are relative to the root, without "." and ".."; "" is the root itself. Directories come
  // before what is in them. Errors: environment (no space in the image), tool (anything else).
  // A directory that is there gets the attributes.
  Result<> directory(std::string_view path, const Ext4Attributes& attributes);
  Result<> symlink(std::string_view path, const std::string& target,
                   const Ext4Attributes& attributes);
  // Another name of a file that was written.
  Result<> hard_link(std::string_view path, std::string_view existing);
  // type: S_IFCHR, S_IFBLK, S_IFIFO or S_IFSOCK.
  Result<> node(std::string_view path, unsigned type, unsigned major, unsigned minor,
                const Ext4Attributes& attributes);
  // A file, in pieces: begin_file, any number of append, end_file.
  Result<> begin_file(std::string_view path, const Ext4Attributes& attributes);
  Result<> append(std::span<const char> bytes);
  Result<> end_file();

  // Writes out everything.
  Result<> close();

 private:
  struct State;
  explicit Ext4Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kobox
