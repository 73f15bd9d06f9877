// SPDX-License-Identifier: GPL-2.0-or-later
// ORC: the table by which the kernel unwinds its own stack
// (Documentation/arch/x86/orc-unwinder.rst).
//
// .orc_unwind_ip has for each row the address from which on it holds, as a 32-bit offset from the
// entry itself, sorted; .orc_unwind has the rows, 6 bytes each (struct orc_entry in
// arch/x86/include/asm/orc_types.h):
//
//   s16 sp_offset, bp_offset;  u16: sp_reg:4, bp_reg:4, and
//   up to 6.2:       type:2 (CALL 0, REGS 1, REGS_PARTIAL 2), end:1
//   6.4 and later:   type:3 (UNDEFINED 0, END_OF_STACK 1, CALL 2, REGS 3, REGS_PARTIAL 4), signal:1
//
// 7.1 numbered the registers anew. What a kernel has, its .orc_header says: the SHA-1 of those
// definitions (scripts/orc_hash.sh). Kernels up to 6.2 have no such section.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/elf_image.h"

namespace kobox {

struct OrcRow {
  // The kernel's ORC_REG_…, which have other numbers in other kernels.
  enum class Reg : std::uint8_t {
    undefined,
    prev_sp,
    ax,
    dx,
    di,
    bp,
    sp,
    r10,
    r13,
    bp_indirect,
    sp_indirect,
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

enum class OrcLayout { until_6_2, since_6_4, since_7_1 };

// What a vmlinux has; nothing if it has a form that kobox does not know.
std::optional<OrcLayout> orc_layout(const ElfImage& vmlinux);

// ErrorKind::environment if the sections do not fit each other. `ip_address`: where .orc_unwind_ip
// lies.
Result<std::vector<OrcRow>> parse_orc(std::string_view ips, std::uint64_t ip_address,
                                      std::string_view entries, OrcLayout layout);

// The rows of a vmlinux; none if it was built without CONFIG_UNWINDER_ORC, or has an unknown
// layout.
Result<std::vector<OrcRow>> read_orc(const ElfImage& vmlinux);

}  // namespace kobox
