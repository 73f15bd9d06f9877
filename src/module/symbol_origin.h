// SPDX-License-Identifier: GPL-2.0-or-later
// Why a symbol that a module wants is not there for it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/kernel.h"
#include "module/header_tree.h"
#include "module/sibling_export.h"

namespace kobox {

// What is known of a symbol. The first that applies explains it.
struct SymbolOrigin {
  std::optional<SiblingExport> sibling;        // a directory beside the module's
  std::optional<HeaderTree::Export> exported;  // by this kernel or one of its modules
  bool module_is_there = true;  // the file of the module that exports it is among the kernel's
  bool in_kernel = false;       // kallsyms has it
  struct Elsewhere {
    std::string release;  // of another flavour of the same version
    std::string module;   // as in HeaderTree::Export
  };
  std::optional<Elsewhere> elsewhere;
  std::string header;     // that declares it: "include/media/v4l2-dev.h"
  bool is_whole = false;  // all of these were looked through
};

// The symbol that modpost or the kernel's loader says is missing or must not be used; "" if the
// message is about something else. The texts are in scripts/mod/modpost.c and kernel/module/main.c.
std::string missing_symbol(std::string_view message);

// Does C source export it, by EXPORT_SYMBOL or one of its kin?
bool exports_symbol(std::string_view source, std::string_view symbol);

// May a module of this license use what is exported by EXPORT_SYMBOL_GPL (include/linux/license.h)?
bool is_gpl_compatible(std::string_view license);

// Looks in the directories beside `source` (the module's), in the kernel's files and, for other
// flavours of it, in `cache`; not there if it is "". Reads for some tenths of a second. What cannot
// be read is left out.
SymbolOrigin find_symbol(const std::string& symbol, const std::filesystem::path& source,
                         const Kernel& kernel, const std::filesystem::path& cache);

// A clause for people, with what to do where that is known; "" where nothing explains it.
// `message`: as for missing_symbol. `license`: the module's; "" if it is not known.
std::string explain_symbol(std::string_view message, const SymbolOrigin& origin,
                           const Kernel& kernel, std::string_view license);

// "; " and the clause, to append to a message of either's; "" where there is nothing to say.
std::string symbol_hint(std::string_view message, const std::filesystem::path& source,
                        const Kernel& kernel, const std::filesystem::path& cache,
                        std::string_view license = "");

}  // namespace kobox
