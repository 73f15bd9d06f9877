// SPDX-License-Identifier: GPL-2.0-or-later
// ORC: the table by which the kernel unwinds its own stack
// (Documentation/arch/x86/orc-unwinder.rst).
//
// .orc_unwind_ip has for each row the address from which on it holds, as a 32-bit offset from the
// entry itself, sorted; .orc_unwind has the rows, 6 bytes each (struct orc_entry in
// arch/x86/include/asm/orc_types.h):
//
//   s16 sp_offset, bp_offset;  u16: sp_reg:4, bp_reg:4, and
//   5.10, 6.1:       type:2 (CALL 0, REGS 1, REGS_PARTIAL 2), end:1
//   6.4 and later:   type:3 (UNDEFINED 0, END_OF_STACK 1, CALL 2, REGS 3, REGS_PARTIAL 4), signal:1
//
// Kernels with the later layout have a section .orc_header.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/elf_image.h"

namespace kobox {

struct OrcRow {
  // The values of the kernel's ORC_REG_….
  enum class Reg : std::uint8_t {
    undefined = 0,
    prev_sp = 1,
    dx = 2,
    di = 3,
    bp = 4,
    sp = 5,
    r10 = 6,
    r13 = 7,
    bp_indirect = 8,
    sp_indirect = 9,
  };
  enum class Type : std::uint8_t {
    call,          // a function's frame: the return address lies below the previous stack pointer
    regs,          // an entry's: sp_reg + sp_offset is where a struct pt_regs lies
    regs_partial,  // of it only what the processor pushed (ip, cs, flags, sp, ss)
    end,           // nothing above
  };

  std::uint64_t ip = 0;  // the row holds from here to the next one's
  std::int16_t sp_offset = 0;
  std::int16_t bp_offset = 0;
  Reg sp_reg = Reg::undefined;
  Reg bp_reg = Reg::undefined;
  Type type = Type::end;
};

enum class OrcLayout { until_6_3, since_6_4 };

// ErrorKind::environment if the sections do not fit each other. `ip_address`: where .orc_unwind_ip
// lies.
Result<std::vector<OrcRow>> parse_orc(std::string_view ips, std::uint64_t ip_address,
                                      std::string_view entries, OrcLayout layout);

// The rows of a vmlinux; none if it was built without CONFIG_UNWINDER_ORC.
Result<std::vector<OrcRow>> read_orc(const ElfImage& vmlinux);

}  // namespace kobox
