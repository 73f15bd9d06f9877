// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/symbols.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "kernel/kallsyms.h"

namespace kobox {

namespace fs = std::filesystem;

Result<TraceSymbols> TraceSymbols::open(const Kernel& kernel, const std::vector<Loaded>& modules) {
  TraceSymbols symbols;
  KOBOX_CHECK(symbols.add_kernel(kernel));
  for (const auto& module : modules) KOBOX_CHECK(symbols.add_module(module));
  return symbols;
}

Result<> TraceSymbols::add_kernel(const Kernel& kernel) {
  KOBOX_TRY(const auto image, ElfImage::open(kernel.vmlinux));
  KOBOX_TRY_WHILE("reading " + kernel.vmlinux.string(), auto symbols, read_kallsyms(image));
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    // arch/x86/kernel/vmlinux.lds.S
    if (symbols[i].name == "__entry_text_start") entries_.begin = symbols[i].address;
    if (symbols[i].name == "__entry_text_end") entries_.end = symbols[i].address;
    if (!symbols[i].is_function()) continue;
    auto next = i + 1;
    while (next < symbols.size() && symbols[next].address == symbols[i].address) ++next;
    const auto end = next < symbols.size() ? symbols[next].address : symbols[i].address + 1;
    functions_.try_emplace(symbols[i].address, Function{symbols[i].name, end});
  }
  return {};
}

Result<> TraceSymbols::add_module(const Loaded& module) {
  const auto& sections = module.sections;
  KOBOX_TRY(const auto image, ElfImage::open(module.ko));
  const auto& all = image.sections();
  for (const auto& section : all)
    if (const auto at = sections.find(section.name);
        at != sections.end() && (section.flags & SHF_EXECINSTR) != 0 && section.size > 0)
      code_.push_back({at->second, at->second + section.size});
  const auto* table = image.find(".symtab");
  const auto* names = image.find(".strtab");
  if (table == nullptr || names == nullptr) return {};
  for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= table->bytes.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, table->bytes.data() + at, sizeof symbol);
    if (symbol.st_shndx == SHN_UNDEF && symbol.st_name != 0 && symbol.st_name < names->bytes.size())
      called_.emplace_back(names->bytes.substr(symbol.st_name).data());
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF ||
        symbol.st_shndx > all.size() || symbol.st_name >= names->bytes.size())
      continue;
    const auto section = sections.find(all[symbol.st_shndx - 1U].name);
    if (section == sections.end()) continue;
    const auto begin = section->second + symbol.st_value;
    std::string name(names->bytes.substr(symbol.st_name).data());  // ends with its NUL
    auto& function = functions_[begin];
    // init_module and cleanup_module are other names for the author's own functions.
    if (function.name.empty() || (name != "init_module" && name != "cleanup_module"))
      function.name = std::move(name);
    function.end = std::max(function.end, begin + symbol.st_size);
  }
  return {};
}

bool TraceSymbols::in_module(std::uint64_t address) const {
  return std::ranges::any_of(
      code_, [&](const auto& range) { return address >= range.begin && address < range.end; });
}

std::vector<std::uint64_t> TraceSymbols::module_functions() const {
  std::vector<std::uint64_t> found;
  for (const auto& [address, function] : functions_)
    if (in_module(address)) found.push_back(address);
  return found;
}

std::string TraceSymbols::name(std::uint64_t address) const {
  auto after = functions_.upper_bound(address);
  if (after == functions_.begin()) return fmt::format("{:#x}", address);
  --after;
  return address < after->second.end ? after->second.name : fmt::format("{:#x}", address);
}

}  // namespace kobox
