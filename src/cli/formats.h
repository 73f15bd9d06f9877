// SPDX-License-Identifier: GPL-2.0-or-later
// --format, for any table of formats: rows with a `name`.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace kobox {

// "terminal, json, junit or ktap"
template <class Format>
std::string format_names(std::span<const Format> formats) {
  std::string names;
  for (std::size_t i = 0; i < formats.size(); ++i) {
    if (i > 0) names += i + 1 == formats.size() ? " or " : ", ";
    names += formats[i].name;
  }
  return names;
}

// The row of that name; ErrorKind::usage says which there are.
template <class Format>
Result<Format> find_format(std::span<const Format> formats, const std::string& name) {
  const auto found = std::ranges::find(formats, name, &Format::name);
  if (found != formats.end()) return *found;
  std::vector<std::string> known;
  for (const auto& format : formats) known.emplace_back(format.name);
  return fail(ErrorKind::usage, "--format '{}'{}: use {}", printable(name),
              did_you_mean(name, known), format_names(formats));
}

}  // namespace kobox
