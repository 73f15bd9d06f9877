// SPDX-License-Identifier: GPL-2.0-or-later
// `kobox debug --serve`: the machine for a debugger of the user's own, an IDE's for instance.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "cli/terminal.h"
#include "workbench/debug.h"

namespace kobox {

// Writes `script`, which sets GDB up and connects it, and waits for a GDB to come and go. On a
// terminal, the guest's shell has the keys meanwhile and Ctrl-] leaves. The script is removed at
// the end. Errors: usage (the file is there and is no such script), timeout, interrupted, tool (the
// machine ended).
Result<> serve_debugger(DebugMachine& machine, const std::filesystem::path& script,
                        Deadline deadline, Output& output);

}  // namespace kobox
