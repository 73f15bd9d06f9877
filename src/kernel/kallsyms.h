// SPDX-License-Identifier: GPL-2.0-or-later
// The symbols that a kernel carries in itself, for it prints call traces with them.
//
// A distribution's vmlinux has no ELF symbol table, but with CONFIG_KALLSYMS (and _ALL, for data)
// it has all names in compressed tables in .rodata. The tables are made by scripts/kallsyms.c and
// read by kernel/kallsyms.c:
//
//   kallsyms_num_syms      u32
//   kallsyms_names         each a length (one byte, or two as ULEB128 from 6.1 on) and so many
//                          bytes, each the index of a token; the first character of the text is
//                          the type
//   kallsyms_markers       u32 each: where every 256th name begins
//   kallsyms_token_table   256 strings, NUL-terminated
//   kallsyms_token_index   u16 each: where every token begins
//   kallsyms_offsets       s32 each: an address relative to kallsyms_relative_base; with
//                          CONFIG_KALLSYMS_ABSOLUTE_PERCPU, an absolute one unless it is negative;
//                          from 7.0 on an address relative to the offset's own place
//
// all aligned to 8 bytes, from 7.0 on to 4. Up to 6.3 the offsets and their base stand before
// num_syms, from 6.4 on behind the token index; from 7.0 on there is no base. Some have more tables
// between these. Nothing points to them, so they are found by their shape, and every name is held
// against the markers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/elf_image.h"

namespace kobox {

struct KernelSymbol {
  std::uint64_t address = 0;
  char type = 0;  // as nm(1) has it: t and T are functions
  std::string name;

  bool is_function() const { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }
};

// The symbols in the order of their addresses. `rodata`: the bytes of .rodata, and the address
// where they lie; `text`: the address where the kernel begins. ErrorKind::environment if there are
// no such tables.
Result<std::vector<KernelSymbol>> read_kallsyms(std::string_view rodata,
                                                std::uint64_t rodata_address, std::uint64_t text);
// Of a whole vmlinux.
Result<std::vector<KernelSymbol>> read_kallsyms(const ElfImage& vmlinux);

}  // namespace kobox
