// SPDX-License-Identifier: GPL-2.0-or-later
// Where a kernel keeps what must be read from a struct module, by the types in its own BTF
// (Documentation/bpf/btf.rst).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/elf_image.h"

namespace kobox {

// Offsets in bytes; the structures are in include/linux/module.h.
struct ModuleLayout {
  std::uint32_t name = 0;      // of module.name
  std::uint32_t kallsyms = 0;  // of module.kallsyms, a pointer to struct mod_kallsyms
  std::uint32_t symtab = 0;    // of mod_kallsyms.symtab, a pointer to Elf64_Sym
};

// ErrorKind::environment if the kernel has no BTF (CONFIG_DEBUG_INFO_BTF) or not these members.
Result<ModuleLayout> read_module_layout(const ElfImage& vmlinux);

// Those of these functions that the kernel's types do not say to return nothing. A function that is
// not in vmlinux stays. ErrorKind::environment without BTF.
Result<std::vector<std::string>> without_void_functions(const ElfImage& vmlinux,
                                                        std::vector<std::string> functions);

}  // namespace kobox
