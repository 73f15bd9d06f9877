// SPDX-License-Identifier: GPL-2.0-or-later
// Which directory beside a module's exports a symbol that the module lacks.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/deadline.h"

namespace kobox {

struct SiblingExport {
  std::string directory;  // from the module's directory: "../bus"
  // The kobox.toml that is the module's, or would be: the nearest one in its directory or above.
  std::string toml = "kobox.toml";  // from the module's directory
  std::string needs = {};           // `directory` as that file names it: "bus"
};

struct SiblingSearch {
  std::optional<SiblingExport> found = {};
  bool is_whole = true;  // all of them were looked through, or one was found
};

struct SiblingLimits {
  std::size_t directories = 300;
  std::size_t files = 3000;
};

// Looks through the .c and .h files of those directories beside `source` that kobox can build, in
// the order of their names. What cannot be read is left out, and the search is not whole then.
SiblingSearch find_sibling(const std::filesystem::path& source, const std::string& symbol,
                           Deadline deadline, const SiblingLimits& limits = {});

}  // namespace kobox
