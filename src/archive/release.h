// SPDX-License-Identifier: GPL-2.0-or-later
// The names that Debian gives its kernels, and the order of versions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kobox {

// "6.12.117" → {6, 12, 117}; nothing for anything but numbers with dots between.
std::optional<std::vector<int>> version_numbers(std::string_view text);

// A release of Debian's stock kernels for default_arch(), taken apart.
struct DebianRelease {
  std::string line;     // "6.1"
  std::string version;  // all before the flavour: "6.1.0-56", "6.12.117+deb12"
  std::string flavour;  // "" (generic), "cloud" or "rt"
};
// Nothing for the debug, unsigned and foreign-architecture ones.
std::optional<DebianRelease> parse_debian_release(std::string_view release);

// Debian's order of versions (deb-version(7)), as dpkg itself knows it: negative, zero or positive.
int compare_versions(std::string_view left, std::string_view right);

// The order in which kernels are listed: by version, then by name.
bool is_newer_release(std::string_view left, std::string_view right);

}  // namespace kobox
