// SPDX-License-Identifier: GPL-2.0-or-later
// How a user names a kernel.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kobox {

struct Selector {
  enum class Kind {
    line,     // "6.1", "6.1-cloud": the newest of that line in Debian
    release,  // "6.1.0-56-cloud-amd64": exactly this one
    path,     // a vmlinuz file; its build tree comes from --headers
    host,     // the running kernel's own files
  };
  Kind kind = Kind::line;
  std::string text;             // as the user wrote it
  std::string version;          // line: "6.1"
  std::string flavour;          // line: "" or "cloud"
  std::filesystem::path image;  // path
};

// ErrorKind::usage says which forms there are.
Result<Selector> parse_selector(std::string_view text);

// Does a kernel release satisfy a condition from kobox.toml such as ">=6.1" or "<6.12" or
// ">=6.1 <6.12"? Compares the numbers before the first '-' or '+'. ErrorKind::usage for a
// condition that is not understood.
Result<bool> release_satisfies(std::string_view release, std::string_view condition);

}  // namespace kobox
