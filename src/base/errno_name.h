// SPDX-License-Identifier: GPL-2.0-or-later
// Error numbers by the names that kernel developers use for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kobox {

// "ENODEV" for 19, "EPROBE_DEFER" for 517, which only the kernel has; the number itself for one
// that has no name.
std::string errno_name(int error);
// 19 for "ENODEV"; nothing for any other word.
std::optional<int> errno_of(std::string_view name);

}  // namespace kobox
