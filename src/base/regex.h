// SPDX-License-Identifier: GPL-2.0-or-later
// Regular expressions of the user's against text of the guest's: RE2, because its time and memory
// are linear in both, whatever they are (std::regex recurses for each character and overflows the
// stack). Syntax: https://github.com/google/re2/wiki/Syntax. Text is bytes, not characters.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace kobox {

class Regex {
 public:
  // ErrorKind::usage with what is wrong with the pattern.
  static Result<Regex> compile(std::string_view pattern);
  // Is there a match anywhere in the text? '^' and '$' are the text's ends, "(?m)" makes them
  // lines'.
  bool search(std::string_view text) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace kobox
