// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/installed.h"

#include <cstdlib>

namespace kobox {

Result<std::filesystem::path> installed_file(std::string_view name, const char* variable,
                                             std::string_view what) {
  namespace fs = std::filesystem;
  if (const char* named = std::getenv(variable); named != nullptr && named[0] != '\0')
    return fs::path(named);
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  auto file = self.parent_path().parent_path() / "libexec/kobox" / name;
  if (!error && fs::exists(file, error)) return file;
  return fail(ErrorKind::environment,
              "{} is not at {}; install kobox with cmake --install, or name it in {}", what,
              file.string(), variable);
}

}  // namespace kobox
