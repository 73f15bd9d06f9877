// SPDX-License-Identifier: GPL-2.0-or-later
// KoLines. A .ko is a relocatable file: all its sections start at 0 until the kernel places them.
// libdwfl's "offline" report places them at addresses of its own and relocates the DWARF to match,
// so that from there on an address says which section it is in.
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <algorithm>
#include <mutex>

#include "base/files.h"
#include "module/ko_file.h"

namespace kobox {
namespace {

struct DwflEnd {
  void operator()(Dwfl* dwfl) const { ::dwfl_end(dwfl); }
};

// The module's DWARF is in the module itself; without this libdwfl would search the host's
// /usr/lib/debug and ask debuginfod servers.
int no_separate_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                          GElf_Word, char**) {
  return -1;
}

const Dwfl_Callbacks k_callbacks = {.find_elf = ::dwfl_build_id_find_elf,
                                    .find_debuginfo = no_separate_debuginfo,
                                    .section_address = ::dwfl_offline_section_address,
                                    .debuginfo_path = nullptr};

struct Function {
  std::string name;
  std::uint64_t address = 0;  // as libdwfl placed it
  std::uint64_t size = 0;     // from the symbol table
  // Up to the next symbol or the section's end. This is the size that the kernel prints: kallsyms
  // of a module knows no symbol sizes (find_kallsyms_symbol in kernel/module/kallsyms.c).
  std::uint64_t room = 0;
};

using ScopeList = std::unique_ptr<Dwarf_Die[], decltype(&std::free)>;

// The DIEs around an address from the innermost outwards, through inlined calls to the function
// that holds the code. dwarf_getscopes alone goes on from an inlined call to where the callee is
// written, not to its caller; dwarf_getscopes_die follows the tree.
std::vector<Dwarf_Die> scopes_at(Dwarf_Die* unit, Dwarf_Addr address) {
  Dwarf_Die* found = nullptr;
  if (::dwarf_getscopes(unit, address, &found) <= 0) return {};
  const ScopeList innermost(found, &std::free);
  Dwarf_Die* chain = nullptr;
  const int count = ::dwarf_getscopes_die(&innermost[0], &chain);
  if (count <= 0) return {};
  const ScopeList owner(chain, &std::free);
  return {chain, chain + count};
}

std::string name_of(Dwarf_Die* die) {
  const char* name = ::dwarf_diename(die);
  return name != nullptr ? name : "";
}

Dwarf_Word number_of(Dwarf_Die* die, unsigned attribute) {
  Dwarf_Attribute memory;
  Dwarf_Word value = 0;
  if (::dwarf_formudata(::dwarf_attr(die, attribute, &memory), &value) != 0) return 0;
  return value;
}

}  // namespace

struct KoLines::Impl {
  explicit Impl(SeenPaths seen) : sources(std::move(seen)) {}

  std::string bytes;  // libdwfl reads from here
  SeenPaths sources;
  std::unique_ptr<Dwfl, DwflEnd> dwfl;
  Dwfl_Module* module = nullptr;  // dwfl's
  std::vector<Function> functions;
  std::mutex mutex;  // libdw reads its tables when they are first asked for

  void read_functions();
  const Function* find(std::string_view name, std::uint64_t offset, std::uint64_t size) const;
  std::vector<SourceLocation> frames_at(Dwarf_Addr address);
  SourceLocation line_at(Dwarf_Addr address, Dwarf_Die* unit);
  std::string shown(const char* file, Dwarf_Die* unit) const;
};

void KoLines::Impl::read_functions() {
  struct Symbol {
    Function function;
    GElf_Word section;
    bool is_code;
  };
  std::vector<Symbol> symbols;
  GElf_Addr bias = 0;
  const int count = ::dwfl_module_getsymtab(module);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word index = 0;
    Elf* elf = nullptr;
    const char* name = ::dwfl_module_getsym_info(module, i, &symbol, &address, &index, &elf, &bias);
    if (name == nullptr || *name == '\0' || index == SHN_UNDEF || index >= SHN_LORESERVE) continue;
    GElf_Shdr header;
    if (::gelf_getshdr(::elf_getscn(elf, index), &header) == nullptr) continue;
    const auto offset = symbol.st_value;
    if ((header.sh_flags & SHF_EXECINSTR) == 0 || offset > header.sh_size) continue;
    const auto type = GELF_ST_TYPE(symbol.st_info);
    symbols.push_back({{name, address, symbol.st_size, header.sh_size - offset},
                       index,
                       type == STT_FUNC || type == STT_NOTYPE});
  }
  for (auto& [function, section, is_code] : symbols) {
    if (!is_code) continue;
    for (const auto& next : symbols)
      if (next.section == section && next.function.address > function.address)
        function.room = std::min(function.room, next.function.address - function.address);
    functions.push_back(function);
  }
}

// Two functions of one name (static ones in two files) are distinguished by the size that the
// kernel printed. In the module's last section the kernel counts up to the end of a page, so the
// nearest size wins, not only an equal one.
const Function* KoLines::Impl::find(std::string_view name, std::uint64_t offset,
                                    std::uint64_t size) const {
  const auto distance = [size](const Function& function) {
    const auto apart = [size](std::uint64_t other) {
      return size > other ? size - other : other - size;
    };
    return size == 0 ? 0 : std::min(apart(function.room), apart(function.size));
  };
  const Function* best = nullptr;
  for (const auto& function : functions) {
    if (function.name != name || offset >= function.room) continue;
    if (best == nullptr || distance(function) < distance(*best)) best = &function;
  }
  return best;
}

std::string KoLines::Impl::shown(const char* file, Dwarf_Die* unit) const {
  if (file == nullptr) return "";
  fs::path path = file;
  Dwarf_Attribute memory;
  const char* directory = ::dwarf_formstring(::dwarf_attr(unit, DW_AT_comp_dir, &memory));
  if (path.is_relative() && directory != nullptr) path = directory / path;
  const auto text = path.lexically_normal().string();
  return sources.relative(text);
}

SourceLocation KoLines::Impl::line_at(Dwarf_Addr address, Dwarf_Die* unit) {
  SourceLocation location;
  Dwfl_Line* line = ::dwfl_module_getsrc(module, address);
  if (line == nullptr) return location;
  location.file =
      shown(::dwfl_lineinfo(line, nullptr, &location.line, nullptr, nullptr, nullptr), unit);
  return location;
}

// The innermost frame's line comes from the line table; each further one's from the inlined call.
std::vector<SourceLocation> KoLines::Impl::frames_at(Dwarf_Addr address) {
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = ::dwfl_module_addrdie(module, address, &bias);
  if (unit == nullptr) return {};
  Dwarf_Files* files = nullptr;
  std::size_t file_count = 0;
  if (::dwarf_getsrcfiles(unit, &files, &file_count) != 0) file_count = 0;

  std::vector<SourceLocation> frames;
  auto here = line_at(address, unit);
  for (auto& scope : scopes_at(unit, address - bias)) {
    const int tag = ::dwarf_tag(&scope);
    if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine) continue;
    here.function = name_of(&scope);
    frames.push_back(here);
    if (tag == DW_TAG_subprogram) break;
    const auto file = number_of(&scope, DW_AT_call_file);
    here.file =
        file < file_count ? shown(::dwarf_filesrc(files, file, nullptr, nullptr), unit) : "";
    here.line = static_cast<int>(number_of(&scope, DW_AT_call_line));
  }
  return frames;
}

KoLines::KoLines(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KoLines::KoLines(KoLines&&) noexcept = default;
KoLines& KoLines::operator=(KoLines&&) noexcept = default;
KoLines::~KoLines() = default;

Result<KoLines> KoLines::open(const fs::path& ko, const SeenPaths& sources) {
  auto impl = std::make_unique<Impl>(sources);
  KOBOX_TRY(impl->bytes, read_file(ko));
  impl->dwfl.reset(::dwfl_begin(&k_callbacks));
  ::dwfl_report_begin(impl->dwfl.get());
  impl->module = ::dwfl_report_offline_memory(impl->dwfl.get(), "module", ko.c_str(),
                                              impl->bytes.data(), impl->bytes.size());
  if (impl->module == nullptr)
    return fail(ErrorKind::environment, "{} is no kernel module: {}", ko.string(),
                ::dwfl_errmsg(-1));
  ::dwfl_report_end(impl->dwfl.get(), nullptr, nullptr);
  impl->read_functions();
  return KoLines(std::move(impl));
}

// What kbuild adds to a module (*.mod.c) has data alone, so its DWARF does not count here.
bool KoLines::has_lines() const {
  const std::scoped_lock lock(impl_->mutex);
  return std::ranges::any_of(impl_->functions, [this](const Function& function) {
    Dwarf_Addr bias = 0;
    return ::dwfl_module_addrdie(impl_->module, function.address, &bias) != nullptr;
  });
}

std::vector<SourceLocation> KoLines::locate(std::string_view function, std::uint64_t offset,
                                            std::uint64_t size, Address address) const {
  if (address == Address::after_call) {
    if (offset == 0) return {};
    --offset;
  }
  const std::scoped_lock lock(impl_->mutex);
  const auto* found = impl_->find(function, offset, size);
  if (found == nullptr) return {};
  return impl_->frames_at(found->address + offset);
}

}  // namespace kobox
