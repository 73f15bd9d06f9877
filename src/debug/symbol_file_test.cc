// SPDX-License-Identifier: GPL-2.0-or-later
// Needs gcc, ld and gdb: a vmlinux of a few functions is assembled here, with the tables that a
// kernel carries in itself. The file that is made of it is read by elfutils.
#include "debug/symbol_file.h"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <thread>

#include "base/child.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t k_text = 0xffffffff81000000;

constexpr std::string_view k_code = R"(
.text
_text:
startup:
  .skip 16, 0x90
dev_read:  # 0x10
  push %rbx
  .skip 14, 0x90
  ret
dev_read.cold:  # 0x20
  .skip 8, 0x90
weak_one:  # 0x28
  .skip 24, 0x90
.data
jiffies:
  .quad 0
limit:
  .long 0
)";

// The call frames: %rsp + 8 everywhere, + 16 behind dev_read's push.
constexpr std::string_view k_orc = R"(
.section .orc_header,"a"
  .quad 0x3bd61b58bf325dfe, 0x25a6a55bc6a5a92c
  .long 0x24feb3ea
.section .orc_unwind_ip,"a"
  .long _text - ., dev_read - . , dev_read + 1 - ., dev_read.cold - .
.section .orc_unwind,"a"
  .short 8, 0, 0x205,  8, 0, 0x205,  16, 0, 0x205,  8, 0, 0x205
)";

// kallsyms of 6.4 and later, in which every character is a token of its own.
std::string kallsyms() {
  constexpr std::pair<const char*, const char*> k_symbols[] = {
      {"_text - _text", "T_text"},
      {"_text - _text", "Tstartup"},
      {"dev_read - _text", "tdev_read"},
      {"dev_read.cold - _text", "tdev_read.cold"},
      {"weak_one - _text", "wweak_one"},
      {"jiffies - 0xffffffff81000000", "Djiffies"},
      {"limit - 0xffffffff81000000", "dlimit"},
      {"0x7efe0000", "Tnowhere"}};
  std::string names, offsets, tokens, index;
  for (const auto& [offset, name] : k_symbols) {
    names += fmt::format(".byte {}\n.ascii \"{}\"\n", std::string_view(name).size(), name);
    offsets += fmt::format(".long {}\n", offset);
  }
  for (int i = 0; i < 256; ++i) {
    const bool own = std::isalnum(i) != 0 || i == '_' || i == '.';
    tokens += fmt::format("token{}: .asciz \"{}\"\n", i,
                          own ? std::string(1, static_cast<char>(i)) : fmt::format("unused{}_", i));
    index += fmt::format(".short token{} - token0\n", i);
  }
  return fmt::format(
      ".section .rodata\n.balign 8\n.quad {}\n{}.balign 8\n.long 0\n.balign 8\n{}.balign 8\n{}"
      ".balign 8\n{}.balign 8\n.quad _text\n",
      std::size(k_symbols), names, tokens, index, offsets);
}

struct Symbol {
  std::string name;
  std::uint64_t address, size;
  std::string what;  // "function", "object", with "local" before it
  std::string section;
  bool operator==(const Symbol&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Symbol& symbol) {
  return out << fmt::format("{} {:#x} {} {} in {}", symbol.name, symbol.address, symbol.size,
                            symbol.what, symbol.section);
}

// A file as elfutils reads it.
class ReadElf {
 public:
  explicit ReadElf(const fs::path& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    ::elf_version(EV_CURRENT);
    elf_.reset(::elf_begin(file_.get(), ELF_C_READ, nullptr));
    EXPECT_EQ(::elf_kind(elf_.get()), ELF_K_ELF) << path;
    dwarf_.reset(::dwarf_begin_elf(elf_.get(), DWARF_C_READ, nullptr));
  }

  // Without the first, which must be empty; those of the table's local part say "local".
  std::vector<Symbol> symbols() const {
    std::vector<Symbol> all;
    Elf_Scn* scn = nullptr;
    GElf_Shdr header = {};
    while ((scn = ::elf_nextscn(elf_.get(), scn)) != nullptr)
      if (::gelf_getshdr(scn, &header) != nullptr && header.sh_type == SHT_SYMTAB) break;
    Elf_Data* data = ::elf_getdata(scn, nullptr);
    GElf_Sym one;
    for (int i = 0; ::gelf_getsym(data, i, &one) != nullptr; ++i) {
      const bool local = GELF_ST_BIND(one.st_info) == STB_LOCAL;
      EXPECT_EQ(local, static_cast<unsigned>(i) < header.sh_info) << i;
      if (i == 0) continue;
      const bool function = GELF_ST_TYPE(one.st_info) == STT_FUNC;
      all.push_back({::elf_strptr(elf_.get(), header.sh_link, one.st_name), one.st_value,
                     one.st_size,
                     std::string(local ? "local " : "") + (function ? "function" : "object"),
                     section_name(one.st_shndx)});
    }
    return all;
  }

  struct Frame {
    int depth = 0;          // from this stack pointer to the caller's
    bool keeps_rbx = true;  // the caller's is still in its register
    bool operator==(const Frame&) const = default;
  };
  std::optional<Frame> frame(std::uint64_t address) const {
    Dwarf_Frame* found = nullptr;
    if (::dwarf_cfi_addrframe(::dwarf_getcfi(dwarf_.get()), address, &found) != 0) return {};
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(::dwarf_frame_cfa(found, &ops, &count), 0);
    Frame result;
    if (count == 1 && ops->number == 7) result.depth = static_cast<int>(ops->number2);  // of %rsp
    Dwarf_Op own[3];
    EXPECT_EQ(::dwarf_frame_register(found, 3, own, &ops, &count), 0);
    result.keeps_rbx = count == 0;
    ::free(found);
    return result;
  }

 private:
  std::string section_name(std::size_t number) const {
    std::size_t names = 0;
    ::elf_getshdrstrndx(elf_.get(), &names);
    GElf_Shdr header;
    ::gelf_getshdr(::elf_getscn(elf_.get(), number), &header);
    return ::elf_strptr(elf_.get(), names, header.sh_name);
  }

  Fd file_;
  std::unique_ptr<Elf, int (*)(Elf*)> elf_{nullptr, &::elf_end};
  std::unique_ptr<Dwarf, int (*)(Dwarf*)> dwarf_{nullptr, &::dwarf_end};
};

class SymbolFileTest : public ::testing::Test {
 protected:
  fs::path path() const { return directory_.path(); }

  // A vmlinux from assembler text.
  fs::path vmlinux(const std::string& name, const std::string& text) const {
    EXPECT_TRUE(write_file(path() / "vmlinux.s", text));
    const auto command = "gcc -c -o vmlinux.o vmlinux.s && ld -e 0 -Ttext=0xffffffff81000000 -o " +
                         name + " vmlinux.o && strip " + name;
    const auto done = run_command({.argv = {"sh", "-c", command}, .cwd = path()}).value();
    EXPECT_TRUE(done.status.success()) << done.error;
    return path() / name;
  }
  fs::path whole_vmlinux() const {
    return vmlinux("vmlinux", std::string(k_code) + std::string(k_orc) + kallsyms());
  }
  Kernel kernel(const fs::path& file) const {
    return {.release = "6.12.0-test", .vmlinux = file, .identity = "0123456789abcdef and more"};
  }
  std::vector<std::string> made() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(symbol_directory(path() / "cache")))
      if (entry.path().extension() != ".lock") names.push_back(entry.path().filename());
    return names;
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-symbol-test").value();
};

TEST_F(SymbolFileTest, EveryPlaceReachesToTheNextOne) {
  const auto file = path() / "kernel.elf";
  const auto written = write_symbol_file(whole_vmlinux(), file);
  ASSERT_TRUE(written) << written.error().to_string();
  const auto symbols = ReadElf(file).symbols();
  const auto find = [&](std::string_view name) {
    const auto found = std::ranges::find(symbols, name, &Symbol::name);
    return found == symbols.end() ? Symbol{} : *found;
  };
  const auto data = find("jiffies").address;
  EXPECT_THAT(symbols, UnorderedElementsAre(
                           Symbol{"_text", k_text, 16, "function", ".text"},
                           Symbol{"startup", k_text, 0, "function", ".text"},
                           Symbol{"dev_read", k_text + 0x10, 16, "local function", ".text"},
                           Symbol{"dev_read.cold", k_text + 0x20, 8, "local function", ".text"},
                           Symbol{"weak_one", k_text + 0x28, 24, "function", ".text"},
                           Symbol{"jiffies", data, 8, "object", ".data"},
                           Symbol{"limit", data + 8, 4, "local object", ".data"}));
}

// By GDB itself.
TEST_F(SymbolFileTest, OfTwoNamesForAPlaceTheKernelsOwnIsShown) {
  const auto file = path() / "kernel.elf";
  ASSERT_TRUE(write_symbol_file(whole_vmlinux(), file));
  const auto done = run_command({.argv = {"gdb", "-q", "-nx", "-batch", "-ex",
                                          "info symbol 0xffffffff81000004", file.string()},
                                 .cwd = path()})
                        .value();
  EXPECT_THAT(done.output, HasSubstr("_text + 4 in section .text")) << done.error;
}

TEST_F(SymbolFileTest, EveryFunctionHasItsFrames) {
  const auto file = path() / "kernel.elf";
  ASSERT_TRUE(write_symbol_file(whole_vmlinux(), file));
  const ReadElf elf(file);
  using Frame = ReadElf::Frame;
  for (const unsigned at : {0U, 0xfU, 0x10U, 0x20U, 0x28U, 0x3fU})
    EXPECT_EQ(elf.frame(k_text + at), (Frame{.depth = 8, .keeps_rbx = true})) << at;
  for (const unsigned at : {0x11U, 0x1fU})
    EXPECT_EQ(elf.frame(k_text + at), (Frame{.depth = 16, .keeps_rbx = false})) << at;
  EXPECT_EQ(elf.frame(k_text + 0x40), std::nullopt);
}

TEST_F(SymbolFileTest, AKernelWithoutOrcHasItsSymbols) {
  const auto file = path() / "kernel.elf";
  ASSERT_TRUE(write_symbol_file(vmlinux("plain", std::string(k_code) + kallsyms()), file));
  EXPECT_THAT(ReadElf(file).symbols(), SizeIs(7));
  EXPECT_EQ(ReadElf(file).frame(k_text), std::nullopt);
}

TEST_F(SymbolFileTest, UnwindTablesOfAnUnknownFormAreLeftOutAndSaidSo) {
  auto orc = std::string(k_orc);
  orc.replace(orc.find("0x3b"), 4, "0x3c");
  const auto unknown = vmlinux("unknown", std::string(k_code) + orc + kallsyms());
  const auto file = path() / "kernel.elf";
  ASSERT_TRUE(write_symbol_file(unknown, file));
  EXPECT_THAT(ReadElf(file).symbols(), SizeIs(7));
  EXPECT_EQ(ReadElf(file).frame(k_text), std::nullopt);
  EXPECT_THAT(missing_unwind_tables(kernel(unknown)),
              HasSubstr("6.12.0-test has unwind tables of a form that kobox does not know"));
  EXPECT_EQ(missing_unwind_tables(kernel(whole_vmlinux())), "");
  EXPECT_EQ(missing_unwind_tables(kernel(path() / "absent")), "");
}

TEST_F(SymbolFileTest, AVmlinuxThatTellsNothingIsRefused) {
  const std::string code(k_code);
  const auto rodata = vmlinux("rodata", code + ".section .rodata\n.skip 100\n");
  const auto no_rodata = vmlinux("no-rodata", code);
  const auto unfit = vmlinux("unfit", code + kallsyms() +
                                          ".section .orc_unwind_ip,\"a\"\n.long 0\n"
                                          ".section .orc_unwind,\"a\"\n.long 0\n");
  ASSERT_TRUE(write_file(path() / "text", "no ELF file"));
  const std::pair<fs::path, const char*> all[] = {{rodata, "CONFIG_KALLSYMS"},
                                                  {no_rodata, "no .rodata"},
                                                  {unfit, "do not fit"},
                                                  {path() / "text", "ELF"},
                                                  {path() / "absent", "cannot open"}};
  for (const auto& [file, why] : all) {
    const auto written = write_symbol_file(file, path() / "kernel.elf");
    ASSERT_FALSE(written) << file;
    EXPECT_EQ(written.error().kind(), ErrorKind::environment);
    EXPECT_THAT(written.error().message(), HasSubstr(why));
  }
  const auto nowhere = write_symbol_file(whole_vmlinux(), path() / "absent/kernel.elf");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message(), HasSubstr("cannot write"));
}

TEST_F(SymbolFileTest, IsMadeOnceAndHeldInTheCacheWhileItIsUsed) {
  const auto ours = kernel(whole_vmlinux());
  std::optional<SymbolFile> first = kernel_symbols(ours, path() / "cache").value();
  EXPECT_TRUE(first->fresh);
  EXPECT_THAT(first->path.filename().string(), HasSubstr("6.12.0-test-0123456789abcdef-"));
  ASSERT_TRUE(fs::remove(ours.vmlinux));
  std::optional<SymbolFile> second = kernel_symbols(ours, path() / "cache").value();
  EXPECT_FALSE(second->fresh) << "the vmlinux is not asked again";
  EXPECT_EQ(second->path, first->path);
  EXPECT_THAT(made(), ElementsAre(first->path.filename().string()));
  EXPECT_THAT(ReadElf(first->path).symbols(), SizeIs(7));

  const auto lock = symbol_file_lock(first->path);
  first.reset();
  EXPECT_FALSE(FileLock::try_acquire(lock, LockMode::exclusive).value()) << "the second uses it";
  second.reset();
  EXPECT_TRUE(FileLock::try_acquire(lock, LockMode::exclusive).value());
}

TEST_F(SymbolFileTest, TwoAtOnceMakeItOnce) {
  const auto ours = kernel(whole_vmlinux());
  std::array<bool, 4> fresh = {};
  {
    std::vector<std::jthread> threads;
    threads.reserve(fresh.size());
    for (auto& one : fresh)
      threads.emplace_back([&] { one = kernel_symbols(ours, path() / "cache").value().fresh; });
  }
  EXPECT_EQ(std::ranges::count(fresh, true), 1);
  EXPECT_THAT(made(), SizeIs(1));
}

TEST_F(SymbolFileTest, AKernelThatCannotBeReadLeavesNothingBehind) {
  ASSERT_TRUE(write_file(path() / "vmlinux", "no ELF file"));
  const auto file = kernel_symbols(kernel(path() / "vmlinux"), path() / "cache");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind(), ErrorKind::environment);
  EXPECT_THAT(file.error().to_string(), HasSubstr("making the kernel's symbol file: "));
  EXPECT_THAT(made(), IsEmpty());
}

}  // namespace
}  // namespace kobox
