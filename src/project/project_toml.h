// SPDX-License-Identifier: GPL-2.0-or-later
// From kobox.toml's tables to the Project's values, each checked where it stands.
#pragma once

#include <filesystem>

#include "project/project.h"
#include "project/toml_reader.h"

namespace kobox {

// Each reads one table into the project, which holds the defaults and the directory before. Errors
// are ErrorKind::usage with file, line and column.
Result<> read_module_table(const TomlTable& table, Project& project);
Result<> read_kernels_table(const TomlTable& table, Project& project);
Result<> read_limits_table(const TomlTable& table, Project& project);
Result<> read_machine_table(const TomlTable& table, Project& project);

// All [[`key`]] of the file, each a test (project_test_tables.cc). `directory` is the project's:
// programs lie in it. `more`: keys that such a table may have besides a test's.
Result<std::vector<TestSpec>> read_tests(const TomlTable& file, std::string_view key,
                                         const std::filesystem::path& directory,
                                         const std::vector<std::string_view>& more = {});
// Its name and the command that it runs.
Result<> read_name_and_run(const TomlTable& table, TestSpec& test);

// The document in a file; ErrorKind::usage says where it is no TOML, or that it cannot be read.
Result<toml::table> parse_toml(const std::filesystem::path& file);

// A time of at most a day, as a [limits] or a [[test]] has it. Nothing if the key is not there.
Result<std::optional<Duration>> read_duration(const TomlTable& table, std::string_view key);
// A path relative to `base`, of a directory that is there; `what` names it in an error.
Result<std::filesystem::path> read_directory(const TomlTable& table, const PlacedText& path,
                                             const std::filesystem::path& base,
                                             std::string_view what);
// `needs`, of [module] and of [[test]]: directories of other modules than those of `own`, relative
// to `base`.
Result<std::vector<std::filesystem::path>> read_needs(
    const TomlTable& table, const std::filesystem::path& base,
    const std::vector<std::filesystem::path>& own);
bool has_control_characters(std::string_view text);

}  // namespace kobox
