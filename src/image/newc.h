// SPDX-License-Identifier: GPL-2.0-or-later
// A newc archive (cpio with the magic 070701; Documentation/driver-api/early-userspace/
// buffer-format.rst) built in memory: what the kernel unpacks as its initramfs. Times are zero, so
// that equal contents are equal archives.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct archive;

namespace kobox {

class NewcArchive {
 public:
  NewcArchive();

  // Paths without a leading '/'; directories before what is in them.
  void directory(std::string_view path, unsigned mode = 0755);
  void file(std::string_view path, std::string_view data, unsigned mode);
  void link(std::string_view path, const std::string& target);
  // The kernel opens /dev/console for PID 1 before devtmpfs is there.
  void console_node();
  // The archive's bytes; nothing may be added afterwards. ErrorKind::internal if it went wrong.
  Result<std::string> finish();

 private:
  struct FreeArchive {
    void operator()(archive* one) const;
  };
  void add(std::string_view path, unsigned type, unsigned mode, std::string_view data,
           const std::string& target);

  std::unique_ptr<archive, FreeArchive> archive_;
  std::unique_ptr<std::string> bytes_;
  bool failed_ = false;  // the archive's error string says how
};

}  // namespace kobox
