// SPDX-License-Identifier: GPL-2.0-or-later
// VS Code set up for a module's directory: a task that runs `kobox debug --serve`, and a launch
// configuration of the C/C++ extension (type cppdbg) whose GDB joins it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace kobox {

// What is named "kobox: …" in .vscode/launch.json and .vscode/tasks.json of `directory` is written
// or replaced; all else in these files stays as it is. `arguments`: for kobox debug. Gives the
// files written. Error: usage (a file that is no JSON: neither is touched), environment.
Result<std::vector<std::filesystem::path>> write_vscode_setup(
    const std::filesystem::path& directory, const std::filesystem::path& gdb,
    const std::vector<std::string>& arguments);

}  // namespace kobox
