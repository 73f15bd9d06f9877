// SPDX-License-Identifier: GPL-2.0-or-later
// What differs between processor architectures, as one value. A new architecture is a new value in
// arch.cc; nothing else in the project may name one (tools/presubmit looks).
#pragma once

#include <cstdint>
#include <string_view>

namespace kobox {

struct Arch {
  std::string_view name;  // as uname -m, kobox.report/1 and QEMU's target say: "x86_64"

  // QEMU.
  std::string_view qemu;          // the program
  std::string_view qemu_package;  // Debian's package that has it
  // The value of -machine: the board, without the devices that a module's test does not need.
  std::string_view machine;
  std::string_view emulated_cpu;  // the value of -cpu under TCG; under KVM it is "host"

  // The kernel that runs in it.
  std::string_view console;       // the serial console's device, for console=
  std::uint64_t console_address;  // of the console's first register: an I/O port
  // The kernel parameter by which it prints there from its first moment on.
  std::string_view early_console;
  // Kernel parameters that only save time under emulation, with a blank before each.
  std::string_view emulated_parameters;
  std::string_view trace_clock;  // the clock of tracefs that is the processor's own counter

  // Its kernels as kbuild makes them: where the bootable image is in a build tree, and the option
  // that chooses the architecture, without CONFIG_.
  std::string_view built_image;
  std::string_view config_option;

  // Other people's names for it.
  std::string_view linux;   // its directory below arch/ in the kernel's tree: "x86"
  std::string_view debian;  // dpkg's, and the end of Debian's kernel releases: "amd64"
  std::string_view gdb;     // for GDB's `set architecture`

  std::uint16_t elf_machine;  // e_machine of its ELF files (elf(5))
  // The registers that hold a function's first argument and a function's result, as GDB names them.
  std::string_view argument_register;
  std::string_view result_register;
};

// The architecture of the machines that kobox makes where nothing says otherwise.
const Arch& default_arch();
// By Arch::name; null if there is none of that name.
const Arch* find_arch(std::string_view name);

}  // namespace kobox
