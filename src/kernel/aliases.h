// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel asks for by request_module() and which of its modules that is: "fs-erofs" is
// erofs. Debian ships no modules.alias, so each module's own aliases are read, once a kernel.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// The table of a kernel's aliases, made if it is not there: <cache>/guests/DIGEST.aliases, with
// a line "ALIAS MODULE" each, of what is built in too. Takes some tenths of a second, or seconds
// where a full kernel's modules are compressed. A module that cannot be read has no alias.
Result<std::filesystem::path> ensure_module_aliases(const Kernel& kernel,
                                                    const std::filesystem::path& cache);

// The modules of such a table that have an alias for this name, each once. "-" and "_" are the
// same.
std::vector<std::string> modules_with_alias(std::string_view table, std::string_view name);

// Does an alias (a pattern as for fnmatch(3)) stand for this name?
bool alias_matches(std::string_view alias, std::string_view name);

}  // namespace kobox
