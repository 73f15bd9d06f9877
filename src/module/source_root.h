// SPDX-License-Identifier: GPL-2.0-or-later
// What is taken along for a build besides the module's own directory.
//
// Modules share headers and sources with what lies around them: "-I$(PWD)/../include",
// "#include "../common.h"", a link into ../shared, a Kbuild two directories up. The copy that is
// built then begins further up.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "module/source_tree.h"

namespace kobox {

struct Sources {
  std::filesystem::path top;     // canonical; what is copied
  std::filesystem::path inside;  // the module's directory below it; "" if that is the top
  std::vector<SourceEntry> entries;
};

// `directory`: the module's. `root`: [module] root, which holds the directory or is it; without one
// it is the directory alone where that reaches for nothing outside, else the git work tree's top,
// or, outside of git or where that is too large, as far up as it reaches, or may: not the user's
// home, nor a directory of the whole system's. Outside of the module's
// directory only what git does not ignore is taken, if there is git. `skip`: see list_sources.
// Errors: see list_sources; usage for a root that does not hold the directory.
Result<Sources> find_sources(const std::filesystem::path& directory,
                             const std::optional<std::filesystem::path>& root,
                             const std::filesystem::path& skip);

// How many directories further up a directory reaches: by "..", in its Makefiles, dkms.conf and
// includes, and by its links to directories. 0: it has all that it needs. `entries`: its own, with
// OuterLinks::listed.
int levels_reached(const std::filesystem::path& directory, const std::vector<SourceEntry>& entries);

}  // namespace kobox
