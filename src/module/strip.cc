// SPDX-License-Identifier: GPL-2.0-or-later
// without_debug_sections: the module as a guest gets it.
#include <unistd.h>

#include "base/files.h"
#include "module/choose_modules.h"

namespace kobox {

using namespace std::chrono_literals;

fs::path without_debug_sections(const fs::path& ko) {
  auto stripped = ko;
  stripped += ".stripped";
  std::error_code error;
  if (fs::exists(stripped, error)) return stripped;
  // Two kobox may do this at once: each makes its own and renames it into place.
  auto made = stripped;
  made += fmt::format(".{}", ::getpid());
  const auto done =
      run_command({.argv = {"strip", "--strip-debug", "-o", made.string(), ko.string()}},
                  {.deadline = Deadline::after(30s)});
  if (done && done->status.success() && rename_path(made, stripped)) return stripped;
  fs::remove(made, error);
  return ko;
}

}  // namespace kobox
