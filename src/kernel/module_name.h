// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace kobox {

// A module's or a parameter's name as the kernel has it: "my_driver" for "my-driver".
std::string kernel_name(std::string_view name);

}  // namespace kobox
