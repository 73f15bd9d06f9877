// SPDX-License-Identifier: GPL-2.0-or-later
// What GDB is told before the user or a script takes over: symbols, sources, the module's places.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"
#include "module/build.h"

namespace kobox {

// The gdb to run: gdb, or gdb-multiarch. ErrorKind::environment says which package has it.
Result<std::filesystem::path> find_gdb();

// What to know of modules that GDB can show no lines and arguments of, and how to get them; "" if
// all have DWARF.
std::string missing_debug_info(const std::vector<BuiltModule>& modules);

struct GdbSetup {
  std::filesystem::path kernel_symbols;
  std::uint64_t kernel_offset = 0;       // of the running kernel from its symbols (KASLR)
  std::string server;                    // what `target remote` gets: a socket's path, or ":1234"
  std::vector<std::string> breakpoints;  // GDB locations
};

// Writes FOLDER/setup.gdb and what it needs, for `gdb -x`. Without modules only the kernel's
// symbols are set up. Errors: environment (files cannot be read or written, a kernel whose types
// (.BTF) do not tell where a module's name is).
Result<std::filesystem::path> write_gdb_setup(const std::filesystem::path& directory,
                                              const GdbSetup& setup, const Kernel& kernel,
                                              const std::vector<BuiltModule>& modules);

// A location for GDB that means a function of one of these modules, where one has one of that name:
// the kernel may have another ("dev_open"). Anything else stays as it is.
std::string qualified_location(const std::string& location,
                               const std::vector<BuiltModule>& modules);

}  // namespace kobox
