// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/distribution.h"

#include <algorithm>
#include <array>

#include "archive/release.h"
#include "base/regex.h"
#include "base/text.h"

namespace kobox {
namespace {

// Source: https://www.debian.org/releases/ and CONFIG_CC_VERSION_TEXT of the kernels. A new release
// of Debian is a new row. bullseye's backports have been removed from the archive.
constexpr std::array<Distribution, 6> k_distributions = {{
    {.name = "bullseye",
     .number = "11",
     .line = "5.10",
     .compiler = "gcc-10",
     .suites = "bullseye bullseye-updates",
     .security = "bullseye-security"},
    {.name = "bookworm",
     .number = "12",
     .line = "6.1",
     .compiler = "gcc-12",
     .suites = "bookworm bookworm-updates bookworm-backports",
     .security = "bookworm-security"},
    {.name = "trixie",
     .number = "13",
     .line = "6.12",
     .compiler = "gcc-14",
     .suites = "trixie trixie-updates trixie-backports",
     .security = "trixie-security"},
    {.name = "forky",
     .number = "14",
     .line = "",
     .compiler = "gcc-16",
     .suites = "forky",
     .security = "",
     .named_only = true},
    {.name = "sid",
     .number = "",
     .line = "",
     .compiler = "gcc-16",
     .suites = "sid",
     .security = "",
     .named_only = true},
    // Its packages depend on sid's.
    {.name = "experimental",
     .number = "",
     .line = "",
     .compiler = "gcc-16",
     .suites = "sid experimental",
     .security = "",
     .named_only = true},
}};

bool holds_word(std::string_view words, std::string_view word) {
  const auto all = split(words, ' ');
  return std::ranges::find(all, word) != all.end();
}

}  // namespace

std::span<const Distribution> distributions() { return k_distributions; }

const Distribution* find_distribution(std::string_view name) {
  const auto* const found = std::ranges::find(k_distributions, name, &Distribution::name);
  return found == k_distributions.end() ? nullptr : found;
}

const Distribution* distribution_of_suite(std::string_view suite) {
  for (const auto& one : k_distributions)
    if (one.security == suite || holds_word(one.suites, suite)) return &one;
  return nullptr;
}

const Distribution* distribution_of_release(std::string_view release) {
  static const auto number = Regex::compile("[+.]deb([0-9]+)").value();
  const auto parts = parse_debian_release(release);
  if (!parts) return nullptr;
  const auto marked = number.find(release);
  for (const auto& one : k_distributions)
    if (marked ? (*marked)[1] == one.number : parts->line == one.line) return &one;
  return nullptr;
}

}  // namespace kobox
