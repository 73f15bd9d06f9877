// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/arch.h"

#include <elf.h>

#include <algorithm>
#include <array>

namespace kobox {
namespace {

constexpr std::array k_archs = {
    Arch{.name = "x86_64",
         .qemu = "qemu-system-x86_64",
         .qemu_package = "qemu-system-x86",
         // Each device costs the kernel's boot. Of q35 the kernel reads the interrupt routing as a
         // table; the pc's is a program (_PRT in QEMU's hw/i386/acpi-build.c) that takes TCG a
         // tenth of a second.
         .machine = "q35,usb=off,sata=off,smbus=off,vmport=off,hpet=off,graphics=off,"
                    "mem-merge=off,dump-guest-core=off",
         .emulated_cpu = "max",
         .console = "ttyS0",
         .console_address = 0x3f8,
         .early_console = "earlyprintk=serial,ttyS0,115200",
         // The kernel's check of the timer's routing and of the TSC.
         .emulated_parameters = " tsc=reliable no_timer_check",
         .trace_clock = "x86-tsc",
         .built_image = "arch/x86/boot/bzImage",
         .config_option = "X86_64",
         .linux = "x86",
         .debian = "amd64",
         .gdb = "i386:x86-64",
         .elf_machine = EM_X86_64,
         .argument_register = "rdi",
         .result_register = "rax"},
};

}  // namespace

const Arch& default_arch() { return k_archs.front(); }

const Arch* find_arch(std::string_view name) {
  const auto found = std::ranges::find(k_archs, name, &Arch::name);
  return found == k_archs.end() ? nullptr : &*found;
}

}  // namespace kobox
