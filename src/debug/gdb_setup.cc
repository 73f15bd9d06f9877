// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/gdb_setup.h"

#include <elf.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"
#include "debug/gdb_session.h"
#include "debug/module_layout.h"
#include "kernel/elf_image.h"
#include "module/ko_file.h"

namespace kobox {
namespace {

using nlohmann::json;

// For each loaded section a symbol that lies in it: its number and its value in the file.
json section_symbols(const ElfImage& ko) {
  auto found = json::object();
  const auto* table = ko.find(".symtab");
  if (table == nullptr) return found;
  const auto& sections = ko.sections();
  for (std::size_t i = 1; (i + 1) * sizeof(Elf64_Sym) <= table->bytes.size(); ++i) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, table->bytes.data() + i * sizeof symbol, sizeof symbol);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx > sections.size()) continue;
    const auto& section = sections[symbol.st_shndx - 1U];
    if ((section.flags & SHF_ALLOC) == 0 || section.size == 0 || found.contains(section.name))
      continue;
    found[section.name] = {i, symbol.st_value};
  }
  return found;
}

// The module's file as GDB understands it. A linker script may leave addresses in the section
// headers of a relocatable file (6.12's scripts/module.lds.S does), where they mean nothing. GDB
// then takes all sections to be laid out already, at zero, and shows every function as if it lay in
// .text (default_symfile_offsets in gdb/symfile.c).
Result<> copy_without_addresses(const fs::path& ko, const fs::path& to) {
  KOBOX_TRY(auto bytes, read_file(ko));
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header)
    return fail(ErrorKind::environment, "{} is no ELF file", ko.string());
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const auto at = header.e_shoff + i * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_addr);
    if (at > bytes.size() || bytes.size() - at < sizeof(Elf64_Addr)) break;
    std::memset(bytes.data() + at, 0, sizeof(Elf64_Addr));
  }
  return write_file(to, bytes);
}

// What GDB replaces in the names of sources: the top of what was built, by the user's own.
json sources_of(const BuiltModule& module) {
  if (module.top.empty()) return {module.copy.string(), module.source.string()};
  auto users = module.source;
  for (auto at = module.copy; at != module.top && at.has_relative_path(); at = at.parent_path())
    users = users.parent_path();
  return {module.top.string(), users.string()};
}

// What gdb_session.py wants to know of a module; its file for GDB goes into `directory`.
Result<json> module_facts(const BuiltModule& module, const fs::path& directory) {
  const auto ko = directory / module.ko.filename();
  KOBOX_CHECK(copy_without_addresses(module.ko, ko));
  KOBOX_TRY(const auto loaded, ElfImage::open(module.bare));
  return json{{"sources", sources_of(module)},
              {"ko", ko.string()},
              {"name", module.name},
              {"symbols", section_symbols(loaded)}};
}

// Where in the kernel's struct module things are.
Result<json> layout_facts(const Kernel& kernel) {
  KOBOX_TRY(const auto vmlinux, ElfImage::open(kernel.vmlinux));
  KOBOX_TRY(const auto layout, read_module_layout(vmlinux));
  return json{{"module_name", layout.name},
              {"module_kallsyms", layout.kallsyms},
              {"kallsyms_symtab", layout.symtab}};
}

// JSON without true, false and null is Python too. Neither has names that are not UTF-8.
Result<std::string> python_of(const json& facts) {
  try {
    return facts.dump();
  } catch (const json::exception&) {
    return fail(ErrorKind::environment, "cannot tell gdb of a name that is not UTF-8: {}",
                facts.dump(-1, ' ', false, json::error_handler_t::replace));
  }
}

// GDB finds a file by its path's last parts; "../" is not one of them.
std::string_view known_to_gdb(std::string_view file) {
  while (file.starts_with("../")) file.remove_prefix(3);
  return file;
}

}  // namespace

Result<fs::path> find_gdb() {
  for (const char* name : {"gdb", "gdb-multiarch"})
    if (auto found = find_program(name)) return *found;
  return fail(ErrorKind::environment,
              "gdb is not installed or not in PATH; on Debian: apt-get install gdb");
}

std::string missing_debug_info(const std::vector<BuiltModule>& modules) {
  std::vector<std::string> names;
  for (const auto& module : modules)
    if (const auto lines = KoLines::open(module.ko, module.built_at());
        lines && !lines->has_lines())
      names.push_back(module.name);
  if (names.empty()) return "";
  return fmt::format(
      "{} was built without debugging information (DWARF), so GDB knows its functions, but no "
      "lines, arguments or types; take -g0 out of its Kbuild, or add: ccflags-y += -g",
      join(names, ", "));
}

std::string qualified_location(const std::string& location,
                               const std::vector<BuiltModule>& modules) {
  const bool is_name = !location.empty() && std::ranges::all_of(location, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
  if (!is_name || std::isdigit(static_cast<unsigned char>(location[0])) != 0) return location;
  for (const auto& module : modules) {
    const auto lines = KoLines::open(module.ko, module.built_at());
    if (!lines) continue;
    const auto places = lines->locate(location, 0, 0, KoLines::Address::exact);
    if (!places.empty() && !places.back().file.empty())
      return fmt::format("{}:{}", known_to_gdb(places.back().file), location);
  }
  return location;
}

Result<fs::path> write_gdb_setup(const fs::path& directory, const GdbSetup& setup,
                                 const Kernel& kernel, const std::vector<BuiltModule>& modules) {
  json facts = {{"kernel", setup.kernel_symbols.string()},
                {"offset", setup.kernel_offset},
                {"server", setup.server},
                {"architecture", kernel.arch->gdb},
                {"first_argument", kernel.arch->argument_register},
                {"breakpoints", setup.breakpoints},
                {"modules", json::array()}};
  for (const auto& module : modules) {
    KOBOX_TRY(auto one, module_facts(module, directory));
    facts["modules"].push_back(std::move(one));
  }
  if (!modules.empty()) {
    KOBOX_TRY(facts["layout"], layout_facts(kernel));
  }
  const auto session = directory / "gdb_session.py";
  KOBOX_CHECK(write_file(session, k_gdb_session));
  auto path = directory / "setup.gdb";
  KOBOX_TRY(const auto text, python_of(facts));
  KOBOX_CHECK(
      write_file(path, fmt::format("python kobox = {}\nsource {}\n", text, session.string())));
  return path;
}

}  // namespace kobox
