// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/symbol_file.h"

#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "debug/frame_table.h"
#include "kernel/elf_image.h"
#include "kernel/kallsyms.h"

namespace kobox {
namespace {

// Part of the file's name: a file that an older kobox made otherwise is made again.
constexpr int k_format = 4;
constexpr Duration k_wait_for_maker = std::chrono::minutes(2);

struct Symbols {
  std::vector<Elf64_Sym> entries{Elf64_Sym{}};
  std::string names = std::string(1, '\0');
  std::vector<CodeRange> functions;
};

// The sections that exist in the running kernel; per-CPU data has no address of its own.
std::vector<const ElfSection*> loaded_sections(const ElfImage& image) {
  std::vector<const ElfSection*> loaded;
  for (const auto& section : image.sections())
    if ((section.flags & SHF_ALLOC) != 0 && section.address != 0 && section.size != 0)
      loaded.push_back(&section);
  return loaded;
}

// A symbol reaches to the next one, or to its section's end. Of several for one place only the
// first, which the kernel shows, gets a size: to GDB the others are labels then, and it shows the
// same one (get_symbol_pos in kernel/kallsyms.c, lookup_minimal_symbol_by_pc_section in
// gdb/minsyms.c). `sections` are numbered from 1.
Symbols make_symbols(const std::vector<KernelSymbol>& all,
                     const std::vector<const ElfSection*>& sections) {
  Symbols made;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& symbol = all[i];
    const auto section = std::ranges::find_if(
        sections, [&](const ElfSection* one) { return one->holds(symbol.address); });
    if (section == sections.end()) continue;
    auto end = (*section)->address + (*section)->size;
    auto next = i;
    while (next < all.size() && all[next].address == symbol.address) ++next;
    if (next < all.size()) end = std::min(end, all[next].address);
    Elf64_Sym entry = {};
    entry.st_name = static_cast<Elf64_Word>(made.names.size());
    const bool local = symbol.type >= 'a' && symbol.type != 'w';
    entry.st_info = static_cast<unsigned char>(ELF64_ST_INFO(
        local ? STB_LOCAL : STB_GLOBAL, symbol.is_function() ? STT_FUNC : STT_OBJECT));
    entry.st_shndx = static_cast<Elf64_Half>(section - sections.begin() + 1);
    entry.st_value = symbol.address;
    const bool first_here = i == 0 || all[i - 1].address != symbol.address;
    entry.st_size = first_here ? end - symbol.address : 0;
    made.names += symbol.name + '\0';
    made.entries.push_back(entry);
    if (!symbol.is_function() || end == symbol.address) continue;
    if (!made.functions.empty() && made.functions.back().begin == symbol.address) continue;
    const auto& bytes = (*section)->bytes;
    const auto at = symbol.address - (*section)->address;
    made.functions.push_back(
        {.begin = symbol.address,
         .end = end,
         .name = symbol.name,
         .bytes = at < bytes.size() ? bytes.substr(at, end - symbol.address) : std::string_view()});
  }
  // Local symbols come first (ELF-64 Object File Format, "Symbol table").
  std::stable_partition(made.entries.begin() + 1, made.entries.end(), [](const Elf64_Sym& entry) {
    return ELF64_ST_BIND(entry.st_info) == STB_LOCAL;
  });
  return made;
}

// Writes an ELF file section by section; what is handed to it must live until finish().
class ElfWriter {
 public:
  static Result<ElfWriter> open(const fs::path& path, std::uint16_t machine) {
    ElfWriter writer;
    writer.machine_ = machine;
    writer.file_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!writer.file_) return fail_errno("cannot write {}", path.string());
    ::elf_version(EV_CURRENT);
    writer.elf_.reset(::elf_begin(writer.file_.get(), ELF_C_WRITE, nullptr));
    if (!writer.elf_ || ::gelf_newehdr(writer.elf_.get(), ELFCLASS64) == nullptr)
      return fail(ErrorKind::environment, "cannot write {}: {}", path.string(), ::elf_errmsg(-1));
    return writer;
  }

  // Returns its number.
  std::size_t add(std::string_view name, GElf_Shdr header, const void* bytes, std::size_t size,
                  Elf_Type type = ELF_T_BYTE) {
    Elf_Scn* scn = ::elf_newscn(elf_.get());
    Elf_Data* data = ::elf_newdata(scn);
    data->d_buf = const_cast<void*>(bytes);
    data->d_size = size;
    data->d_type = type;
    data->d_align = std::max<std::uint64_t>(header.sh_addralign, 1);
    header.sh_name = static_cast<Elf64_Word>(names_.size());
    names_.append(name) += '\0';
    ::gelf_update_shdr(scn, &header);
    return ::elf_ndxscn(scn);
  }

  Result<> finish(const fs::path& path) {
    const std::string name = ".shstrtab";
    names_.reserve(names_.size() + name.size() + 1);
    const auto index = names_.size();
    names_ += name + '\0';
    Elf_Scn* scn = ::elf_newscn(elf_.get());
    Elf_Data* data = ::elf_newdata(scn);
    data->d_buf = names_.data();
    data->d_size = names_.size();
    GElf_Shdr header = {.sh_name = static_cast<Elf64_Word>(index), .sh_type = SHT_STRTAB};
    header.sh_addralign = 1;
    ::gelf_update_shdr(scn, &header);
    GElf_Ehdr elf = {};
    ::gelf_getehdr(elf_.get(), &elf);
    elf.e_ident[EI_DATA] = ELFDATA2LSB;
    elf.e_type = ET_EXEC;
    elf.e_machine = machine_;
    elf.e_version = EV_CURRENT;
    elf.e_shstrndx = static_cast<Elf64_Half>(::elf_ndxscn(scn));
    ::gelf_update_ehdr(elf_.get(), &elf);
    if (::elf_update(elf_.get(), ELF_C_WRITE) < 0)
      return fail(ErrorKind::environment, "cannot write {}: {}", path.string(), ::elf_errmsg(-1));
    return {};
  }

 private:
  std::uint16_t machine_ = EM_NONE;
  Fd file_;
  std::unique_ptr<Elf, int (*)(Elf*)> elf_{nullptr, ::elf_end};
  std::string names_ = std::string(1, '\0');
};

}  // namespace

Result<> write_symbol_file(const fs::path& vmlinux, const fs::path& to) {
  KOBOX_TRY(const auto image, ElfImage::open(vmlinux));
  KOBOX_TRY_WHILE("reading " + vmlinux.string(), const auto all, read_kallsyms(image));
  KOBOX_TRY(const auto rows, read_orc(image));
  const auto sections = loaded_sections(image);
  const auto symbols = make_symbols(all, sections);
  const auto frames = make_debug_frame(symbols.functions, rows);

  KOBOX_TRY(auto writer, ElfWriter::open(to, image.machine()));
  for (const auto* section : sections) {
    GElf_Shdr header = {.sh_type = SHT_NOBITS, .sh_flags = section->flags};
    header.sh_addr = section->address;
    header.sh_addralign = 1;
    writer.add(section->name, header, nullptr, section->size);
  }
  GElf_Shdr names = {.sh_type = SHT_STRTAB};
  names.sh_addralign = 1;
  const auto names_at = writer.add(".strtab", names, symbols.names.data(), symbols.names.size());
  GElf_Shdr table = {.sh_type = SHT_SYMTAB};
  table.sh_addralign = 8;
  table.sh_entsize = sizeof(Elf64_Sym);
  table.sh_link = static_cast<Elf64_Word>(names_at);
  table.sh_info =
      static_cast<Elf64_Word>(std::ranges::count_if(symbols.entries, [](const Elf64_Sym& entry) {
        return ELF64_ST_BIND(entry.st_info) == STB_LOCAL;
      }));
  writer.add(".symtab", table, symbols.entries.data(), symbols.entries.size() * sizeof(Elf64_Sym),
             ELF_T_SYM);
  GElf_Shdr frame_section = {.sh_type = SHT_PROGBITS};
  frame_section.sh_addralign = 8;
  writer.add(".debug_frame", frame_section, frames.data(), frames.size());
  return writer.finish(to);
}

std::string missing_unwind_tables(const Kernel& kernel) {
  const auto image = ElfImage::open(kernel.vmlinux);
  if (!image || orc_layout(*image)) return "";
  return fmt::format(
      "{} has unwind tables of a form that kobox does not know (.orc_header), so a backtrace ends "
      "where it reaches the kernel's own functions",
      kernel.release);
}

fs::path symbol_directory(const fs::path& cache) { return cache / "symbols"; }
fs::path symbol_file_lock(const fs::path& file) { return file.string() + ".lock"; }

Result<SymbolFile> kernel_symbols(const Kernel& kernel, const fs::path& cache) {
  const auto directory = symbol_directory(cache);
  const auto path = directory / fmt::format("{}-{}-{}.elf", kernel.release,
                                            kernel.identity.substr(0, 16), k_format);
  const auto lock_path = symbol_file_lock(path);
  KOBOX_CHECK(make_directories(directory));
  const auto deadline = Deadline::after(k_wait_for_maker);
  SymbolFile file{.path = path, .lock = {}};
  {
    KOBOX_TRY(auto lock, FileLock::acquire(lock_path, LockMode::shared, deadline));
    if (fs::exists(path)) {
      std::error_code ignored;
      fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
      file.lock.emplace(std::move(lock));
      return file;
    }
  }
  {
    KOBOX_TRY(const auto maker, FileLock::acquire(lock_path, LockMode::exclusive, deadline));
    if (!fs::exists(path)) {
      KOBOX_TRY(const auto beside, TempDir::make(directory, "making-"));
      const auto made = beside.path() / "kernel.elf";
      KOBOX_CHECK_WHILE("making the kernel's symbol file", write_symbol_file(kernel.vmlinux, made));
      KOBOX_CHECK(rename_path(made, path));
      file.fresh = true;
    }
  }
  KOBOX_TRY(auto lock, FileLock::acquire(lock_path, LockMode::shared, deadline));
  file.lock.emplace(std::move(lock));
  return file;
}

}  // namespace kobox
