// SPDX-License-Identifier: GPL-2.0-or-later
// Error numbers by the names that kernel developers use for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kobox {

// "ENODEV" for 19; the number itself for one that has no name, as the kernel's own above 511 have.
std::string errno_name(int error);
// 19 for "ENODEV"; nothing for any other word.
std::optional<int> errno_of(std::string_view name);

}  // namespace kobox
