// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace kobox {

// Raises this process's soft limit on open files (RLIMIT_NOFILE, getrlimit(2)) to its hard one, but
// to no more than 16,384: children inherit it, and some programs close every number below it when
// they start. Does nothing where it cannot. Call once, early.
void raise_descriptor_limit();

}  // namespace kobox
