// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's symbols and unwind tables for GDB, made from its vmlinux alone.
//
// An ELF file with the vmlinux's sections (without contents), a .symtab from its kallsyms, with
// sizes, and a .debug_frame from its ORC tables. A few MB, where the debug package has hundreds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct SymbolFile {
  std::filesystem::path path;
  std::optional<FileLock> lock;  // it stays in the cache while this lives
  bool fresh = false;            // made now
};

// Where they are, and the lock of one: shared by those who use it, alone for who removes it.
std::filesystem::path symbol_directory(const std::filesystem::path& cache);
std::filesystem::path symbol_file_lock(const std::filesystem::path& file);

// Made once for each kernel, in about a second; two kobox at once make it once. Errors: environment
// (no kallsyms in the vmlinux, disk full), timeout, interrupted.
Result<SymbolFile> kernel_symbols(const Kernel& kernel, const std::filesystem::path& cache);

// For the user: that GDB cannot unwind this kernel's frames, since its unwind tables are of a form
// that kobox does not know; "" if it can.
std::string missing_unwind_tables(const Kernel& kernel);

// The file itself. ErrorKind::environment as above.
Result<> write_symbol_file(const std::filesystem::path& vmlinux, const std::filesystem::path& to);

}  // namespace kobox
