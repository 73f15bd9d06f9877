// SPDX-License-Identifier: GPL-2.0-or-later
// Console logs that kobox has kept, for reports that show them.
#pragma once

#include <filesystem>

#include "report/render.h"

namespace kobox {

// Reads the last 64 KiB of a console log. A report may come from anywhere and name any file: only
// what stands below `state`, symbolic links followed, is read; of all else "" is given.
ConsoleOf kept_console(std::filesystem::path state);

}  // namespace kobox
