// SPDX-License-Identifier: GPL-2.0-or-later
// What a recording holds: the module's function calls, and the VM exits, or what would be exits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace kobox {

// One call of a function of the module. Times are nanoseconds of the host's CLOCK_MONOTONIC.
struct CallBegin {
  std::uint64_t id = 0;  // from 1 on
  std::uint64_t parent =
      0;  // the call of the module that was active before on the same stack; or 0
  std::uint64_t function = 0;  // where it begins
  unsigned cpu = 0;
  std::uint64_t ns = 0;
  std::uint64_t instructions = 0;  // that the CPU had executed before; 0: not counted
};
struct CallEnd {
  std::uint64_t id = 0;
  unsigned cpu = 0;
  std::uint64_t ns = 0;
  std::uint64_t instructions = 0;
};

// A VM exit under KVM. Under TCG, which has none: one access to a port or to memory that a device
// emulates, which would be an exit.
struct Exit {
  enum class Space { none, port, memory, msr };

  unsigned cpu = 0;
  std::uint64_t ns = 0;           // 0: not known
  std::uint64_t duration_ns = 0;  // until the guest was entered again; 0: not known
  std::string reason;             // "io", "npf", …; under TCG "port" and "memory"
  std::uint64_t rip = 0;          // the guest's instruction; 0: not known
  std::uint64_t call = 0;         // the module's call that was active; 0: none
  std::uint64_t via = 0;  // the function outside the module that it had called; 0: its own doing

  Space space = Space::none;  // what it was for; the rest is of ports, memory and MSRs
  bool is_write = false;
  std::uint64_t address = 0;  // port, guest-physical address, or the MSR's number
  unsigned size = 0;          // bytes
  std::uint64_t value = 0;
  std::string region;  // QEMU's name of the memory region: "serial"
};

// Who takes a recording's events, in the order of each CPU's time.
struct TraceSink {
  std::function<void(const CallBegin&)> call;
  std::function<void(const CallEnd&)> end;
  std::function<void(const Exit&)> exit;
};

}  // namespace kobox
