// SPDX-License-Identifier: GPL-2.0-or-later
// A guest that does not come to its agent: what its processors are at meanwhile.
#pragma once

#include <string>

#include "guest/guest.h"

namespace kobox {

// "CPU 0 is halted in default_idle+0x12, CPU 1 is in delay_tsc+0x3", as it is just now; "" if the
// machine does not say.
std::string where_it_stands(Guest& guest);

// Has the kernel printed anything? The firmware's words are none of its own.
bool kernel_has_spoken(std::string_view console);

}  // namespace kobox
