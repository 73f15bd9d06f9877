// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/space.h"

#include <sys/statvfs.h>

#include "base/text.h"

namespace kobox {

Result<std::uint64_t> free_space(const std::filesystem::path& directory) {
  struct statvfs info = {};
  if (::statvfs(directory.c_str(), &info) != 0)
    return fail_errno("cannot tell the free space of {}", directory.string());
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

Result<> check_space(const std::filesystem::path& directory, std::uint64_t needed,
                     std::string_view what) {
  KOBOX_TRY(const auto free, free_space(directory));
  if (free >= needed) return {};
  return fail(ErrorKind::environment,
              "no space left on {}: {} needs about {}, {} are free; free some space, or set "
              "XDG_CACHE_HOME to a directory that has it",
              directory.string(), what, format_bytes(needed), format_bytes(free));
}

}  // namespace kobox
