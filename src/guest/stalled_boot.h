// SPDX-License-Identifier: GPL-2.0-or-later
// A guest that does not come to its agent: what its processors are at meanwhile.
#pragma once

#include <string>

#include "guest/guest.h"

namespace kobox {

// "CPU 0 is halted in default_idle+0x12, CPU 1 is in delay_tsc+0x3", as it is just now; "" if the
// machine does not say.
std::string cpu_positions(Guest& guest);

// Has the kernel printed anything? The firmware's output does not count.
bool kernel_has_printed(std::string_view console);

}  // namespace kobox
