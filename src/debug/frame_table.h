// SPDX-License-Identifier: GPL-2.0-or-later
// From ORC to DWARF's call-frame information (DWARF 5, section 6.4), which is what GDB unwinds by.
//
// ORC knows the stack pointer, the frame pointer and the return address. The other registers that a
// function must preserve (System V ABI for x86-64: rbx, r12 to r15) are found by the push
// instructions, each of which begins a row of its own; so the arguments of a function further up
// are right too.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "debug/orc.h"
#include "kernel/elf_image.h"
#include "kernel/kallsyms.h"

namespace kobox {

// A function's code.
struct CodeRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // exclusive
  std::string_view name;
  std::string_view bytes;  // may be empty: then no push is seen
};

// The contents of a .debug_frame section. `functions` and `rows` in the order of their addresses;
// what lies outside all functions gets no entry.
std::string make_debug_frame(std::span<const CodeRange> functions, std::span<const OrcRow> rows);

}  // namespace kobox
