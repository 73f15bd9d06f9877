// SPDX-License-Identifier: GPL-2.0-or-later
// How many machines a run may have at once on this host. Pure, but for look_at_host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace kobox {

// What this host has for machines just now.
struct HostRoom {
  int cores = 1;
  std::uint64_t memory = 0;     // bytes that are free or can be freed
  std::size_t descriptors = 0;  // file descriptors that this process may still open
};
HostRoom look_at_host();

// Every machine counts, whatever it does: a test's, one that only settles, one that boots to be
// saved, one that builds a module, one that a module is loaded into to be saved.
struct Budget {
  int jobs = 1;             // tests, builds and boots that keep a processor busy at once
  int machines = 1;         // machines alive at once; at least `jobs`
  bool load_once = true;    // each kernel may keep one more machine's memory, saved after the load
  bool fits_wanted = true;  // false: `jobs` is less than what was asked for
};

// wanted_jobs: --jobs, or 0 for as many as there are cores. kernels: how many the run has.
// machine_memory: bytes of one machine.
Budget share_out(const HostRoom& room, int wanted_jobs, std::size_t kernels,
                 std::uint64_t machine_memory);

}  // namespace kobox
