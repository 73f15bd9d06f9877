// SPDX-License-Identifier: GPL-2.0-or-later
// Which of the modules that a directory builds are meant, and in which order they are loaded.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "module/build.h"
#include "module/build_record.h"

namespace kobox {

// What was built, with what each .ko says of itself. `copy`, `top`: see BuiltModule. Error
// (environment): a .ko that cannot be read.
Result<std::vector<BuiltModule>> built_modules(const std::vector<RecordedModule>& recorded,
                                               const std::filesystem::path& source,
                                               const std::filesystem::path& copy,
                                               const std::filesystem::path& top = {});

// The module of that name and before it all of `modules` that it depends on, each once, in load
// order. Nothing if there is none of that name; '-' and '_' are the same in it.
std::vector<BuiltModule> with_dependencies(const std::vector<BuiltModule>& modules,
                                           const std::string& name);

// Those that are wanted, in that order, or all if none is named; before each what it depends on.
// ErrorKind::usage says what `source` builds.
Result<std::vector<BuiltModule>> choose_modules(const std::vector<BuiltModule>& modules,
                                                const std::filesystem::path& source,
                                                const std::vector<std::string>& wanted);

// An example for a directory's Kbuild: the object of its first C file, as the one that is there
// most likely is.
std::string example_object(const std::filesystem::path& directory);

// The module without its debug sections, beside the whole one. Made once. Where there is no strip,
// the whole one.
std::filesystem::path without_debug_sections(const std::filesystem::path& ko);

}  // namespace kobox
