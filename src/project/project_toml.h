// SPDX-License-Identifier: GPL-2.0-or-later
// From kobox.toml's tables to the Project's values, each checked where it stands.
#pragma once

#include <filesystem>

#include "project/project.h"
#include "project/toml_reader.h"

namespace kobox {

// Each reads one table into the project, which holds the defaults and the folder before. Errors
// are ErrorKind::usage with file, line and column.
Result<> read_module_table(const TomlTable& table, Project& project);
Result<> read_kernels_table(const TomlTable& table, Project& project);
Result<> read_limits_table(const TomlTable& table, Project& project);
Result<> read_machine_table(const TomlTable& table, Project& project);

// All [[test]] of the file (project_test_tables.cc). `folder` is the project's: programs lie in it.
Result<std::vector<TestSpec>> read_tests(const TomlTable& file,
                                         const std::filesystem::path& folder);

// A time of at most a day, as a [limits] or a [[test]] has it. Nothing if the key is not there.
Result<std::optional<Duration>> read_duration(const TomlTable& table, std::string_view key);
bool has_control_characters(std::string_view text);

}  // namespace kobox
