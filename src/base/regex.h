// SPDX-License-Identifier: GPL-2.0-or-later
// Regular expressions, the user's and kobox's own, against text of the guest's: RE2, because its
// time and memory are linear in both, whatever they are (std::regex recurses for each character and
// overflows the stack, and takes seconds to compile). Syntax:
// https://github.com/google/re2/wiki/Syntax. Text is bytes, not characters.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

  // What a match took of the text: at 0 all of it, then each group's part ("" for a group that took
  // no part). Views into the text.
  using Parts = std::vector<std::string_view>;
  // Of a match of the whole text.
  std::optional<Parts> match(std::string_view text) const;
  // Of the first match in the text.
  std::optional<Parts> find(std::string_view text) const;
  // Of all that do not overlap, from the first on.
  std::vector<Parts> find_all(std::string_view text) const;
  // The text with `rewrite` in place of each of them; "\\1" in it is the first group's part.
  std::string replace_all(std::string_view text, std::string_view rewrite) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace kobox
