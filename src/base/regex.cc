// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/regex.h"

#include <re2/re2.h>

namespace kobox {

Result<Regex> Regex::compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  auto compiled =
      std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok())
    return fail(ErrorKind::usage, "'{}' is not a regular expression: {}", pattern,
                compiled->error());
  return Regex(std::move(compiled));
}

bool Regex::search(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace kobox
