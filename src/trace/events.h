// SPDX-License-Identifier: GPL-2.0-or-later
// What a recording holds: the module's function calls, and what was asked of devices.
#pragma once

#include <cstdint>
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
  std::uint64_t instructions = 0;  // that the CPU had executed before
};
struct CallEnd {
  std::uint64_t id = 0;
  unsigned cpu = 0;
  std::uint64_t ns = 0;
  std::uint64_t instructions = 0;
};

// One access to a port, or to memory that a device emulates: what would be a VM exit under KVM.
struct DeviceAccess {
  unsigned cpu = 0;
  std::uint64_t ns = 0;
  std::uint64_t rip = 0;   // the instruction; 0: not known
  std::uint64_t call = 0;  // the module's call that was active; 0: none
  std::uint64_t via = 0;   // the function outside the module that it had called; 0: its own access
  bool is_port = false;
  bool is_write = false;
  std::uint64_t address = 0;  // port, or guest-physical
  unsigned size = 0;          // bytes
  std::uint64_t value = 0;
  std::string region;  // QEMU's name of the memory region: "serial"
};

}  // namespace kobox
