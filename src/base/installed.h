// SPDX-License-Identifier: GPL-2.0-or-later
// The files that kobox is installed with and that are no programs of the user's.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace kobox {

// ../libexec/kobox/NAME, seen from kobox's own program, or what the environment variable names.
// ErrorKind::environment if the file is not there; `what` is the subject of the sentence.
Result<std::filesystem::path> installed_file(std::string_view name, const char* variable,
                                             std::string_view what);

}  // namespace kobox
