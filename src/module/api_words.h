// SPDX-License-Identifier: GPL-2.0-or-later
// How a change between two kernels is put into words: one clause that a reader understands in a
// table, made from the two declarations.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "module/c_declarations.h"

namespace kobox {

// The line of a kernel release: 6.12 of "6.12.117+deb13-amd64".
struct KernelLine {
  int major = 0;
  int minor = 0;

  static KernelLine of(std::string_view release);
  // Counts releases: since 4.0 a major number ends with .19 or .20.
  int ordinal() const { return 20 * major + minor; }
};

// "from 6.12 on" and "until 6.1"; of two releases of one line "on 6.12.117-…" and "on 6.12.118-…".
struct ApiSides {
  std::string here;
  std::string there;
  bool here_is_newer = false;

  static ApiSides of(std::string_view here, std::string_view there);
};

// `subject`: "class_create()", "devnode of struct class". Nothing if both say the same to those who
// use it.
std::optional<std::string> difference(const std::string& subject, const CDeclaration& here,
                                      const CDeclaration& there, const ApiSides& sides);

// Of something that one side does not have: "strlcpy() is gone from 6.12 on". `where`: what is
// said of the side that has it, "it is in linux/string.h"; "" for nothing.
std::string gone_from_here(const std::string& subject, const std::string& where,
                           const ApiSides& sides);
std::string only_here(const std::string& subject, const std::string& where, const ApiSides& sides);

// Of something that both declare, in these headers, and only `there` gets by what it includes.
std::string not_included(const std::string& subject, const std::string& here,
                         const std::string& there, const ApiSides& sides);

// "include/linux/fs.h" as one includes it: "linux/fs.h".
std::string as_included(std::string_view file);

}  // namespace kobox
