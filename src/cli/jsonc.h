// SPDX-License-Identifier: GPL-2.0-or-later
// Editing a file of JSON with comments in place, as an editor keeps its settings in: JSON with //
// and /* */ comments and trailing commas (VS Code's "jsonc"). Everything that is not the edit
// itself keeps every byte: comments, order, indentation, line ends, a byte order mark.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace kobox {

// `text` with `entry` in the list `list_key` of its outermost object: in the place of the entry
// with the same `name_key`, or as the last. The list is made if it is not there. Error: usage, with
// the line of what is no JSON, or the key that is no list.
Result<std::string> with_json_entry(const std::string& text, std::string_view list_key,
                                    std::string_view name_key, const nlohmann::ordered_json& entry);

}  // namespace kobox
