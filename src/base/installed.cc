// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/installed.h"

#include <cstdlib>

namespace kobox {

Result<std::filesystem::path> installed_file(std::string_view name, const char* variable,
                                             std::string_view what) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (const char* named = std::getenv(variable); named != nullptr && named[0] != '\0') {
    if (fs::is_regular_file(named, error)) return fs::path(named);
    return fail(ErrorKind::environment,
                "{} is to be {}, as the environment variable {} says, and there is no such file; "
                "correct the variable or unset it",
                what, named, variable);
  }
  const auto self = fs::read_symlink("/proc/self/exe", error);
  auto file = self.parent_path().parent_path() / "libexec/kobox" / name;
  if (!error && fs::exists(file, error)) return file;
  return fail(ErrorKind::environment,
              "{} is not at {}; install kobox with cmake --install, or name it in {}", what,
              file.string(), variable);
}

}  // namespace kobox
