// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/regex.h"

#include <algorithm>

#include <re2/re2.h>

namespace kobox {

namespace {

std::optional<Regex::Parts> parts_of(const re2::RE2& regex, std::string_view text,
                                     std::size_t start, re2::RE2::Anchor anchor) {
  std::vector<re2::StringPiece> pieces(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  if (!regex.Match({text.data(), text.size()}, start, text.size(), anchor, pieces.data(),
                   static_cast<int>(pieces.size())))
    return {};
  Regex::Parts parts;
  for (const auto& piece : pieces) parts.emplace_back(piece.data(), piece.size());
  return parts;
}

}  // namespace

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

std::optional<Regex::Parts> Regex::match(std::string_view text) const {
  return parts_of(*compiled_, text, 0, re2::RE2::ANCHOR_BOTH);
}

std::optional<Regex::Parts> Regex::find(std::string_view text) const {
  return parts_of(*compiled_, text, 0, re2::RE2::UNANCHORED);
}

std::vector<Regex::Parts> Regex::find_all(std::string_view text) const {
  std::vector<Parts> all;
  for (std::size_t start = 0; start <= text.size();) {
    auto found = parts_of(*compiled_, text, start, re2::RE2::UNANCHORED);
    if (!found) break;
    const auto& whole = found->front();
    // An empty match must not be found again.
    start = static_cast<std::size_t>(whole.data() - text.data()) +
            std::max<std::size_t>(1, whole.size());
    all.push_back(std::move(*found));
  }
  return all;
}

std::string Regex::replace_all(std::string_view text, std::string_view rewrite) const {
  std::string result(text);
  re2::RE2::GlobalReplace(&result, *compiled_, {rewrite.data(), rewrite.size()});
  return result;
}

}  // namespace kobox
