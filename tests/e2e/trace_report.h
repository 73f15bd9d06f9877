// SPDX-License-Identifier: GPL-2.0-or-later
// Looking things up in a trace's JSON (kobox.trace/1).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace kobox::e2e {

// The row of a function of the module; null if there is none.
inline nlohmann::json function_in(const nlohmann::json& report, const std::string& name) {
  for (const auto& function : report["functions"])
    if (function["name"] == name) return function;
  return nullptr;
}

// How often something happened by a way that has all of these members.
inline std::uint64_t count_of(const nlohmann::json& report, const nlohmann::json& wanted) {
  std::uint64_t count = 0;
  for (const auto& path : report["paths"]) {
    const bool fits = std::ranges::all_of(
        wanted.items(), [&](const auto& item) { return path[item.key()] == item.value(); });
    if (fits) count += path["count"].get<std::uint64_t>();
  }
  return count;
}

}  // namespace kobox::e2e
