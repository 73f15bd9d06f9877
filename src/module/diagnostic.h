// SPDX-License-Identifier: GPL-2.0-or-later
// What the first error of a failed build is about: the name in the compiler's (or modpost's)
// message, and how it was used. The words are gcc's and clang's, of all versions since 2015 or so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verdict/verdict.h"

namespace kobox {

struct Diagnostic {
  enum class About {
    call,      // a function or macro: it is not there, or is called in another way than it takes
    name,      // anything else that is declared: a type, a constant, a variable
    member,    // of a struct
    header,    // a file that is not there
    exported,  // a symbol that no module may use
  };
  About about = About::name;
  std::string name = {};      // "class_create", "devnode", "linux/genhd.h"
  std::string owner = {};     // of a member: its struct's tag, where the message says it
  std::string variable = {};  // of a member: what was accessed or initialized, where it says that
  std::vector<std::string> path = {};  // of a member: those between the variable and the name
  bool is_missing = false;             // the compiler has not seen a declaration
  bool is_used_only = false;           // the line calls it; the message does not name it

  bool operator==(const Diagnostic&) const = default;
};

// In the order in which they are worth looking up; the first is what the message says. After those
// that the message names come those of the errors behind it, and the calls in the source line.
// Empty if there is nothing to look up.
std::vector<Diagnostic> diagnostics_of(const Failure& failure);

// The make variables for flags and the like that a Kbuild file or Makefile sets: "EXTRA_CFLAGS".
std::vector<std::string> variables_set_in(std::string_view kbuild);

}  // namespace kobox
