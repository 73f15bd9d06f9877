// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

namespace kobox {

// How many processes descend from this one, by the parents that /proc names. 0 where there is no
// /proc.
std::size_t count_descendants();

}  // namespace kobox
