// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace kobox {

// How many processes a command has, itself included: those of its process group `leader`, and all
// that descend from these, by what /proc says (proc_pid_stat(5)). One whose parent has ended is
// still of its group. 0 where there is no /proc.
std::size_t count_processes_of(pid_t leader);

}  // namespace kobox
