// SPDX-License-Identifier: GPL-2.0-or-later
// Needs gcc and ld, for a module to set up; one test runs gdb.
#include "debug/gdb_setup.h"

#include <bpf/btf.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/elf_image.h"

namespace kobox {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr std::string_view k_module = R"(int state;
static __attribute__((noinline, used)) int dev_open(int x) { return x + 1; }
int __attribute__((section(".init.text"))) my_init(void) { return state; }
)";

// What an odd user calls things.
constexpr const char* k_odd_name = "a \"quoted\" 'n' \\ame #%s {ä}";

class GdbSetupTest : public ::testing::Test {
 protected:
  fs::path path() const { return directory_.path(); }
  void run(const std::string& command) const {
    const auto done = run_command({.argv = {"sh", "-c", command}, .cwd = path()}).value();
    ASSERT_TRUE(done.status.success()) << command << "\n" << done.error;
  }

  // A module of the given source, as kbuild links it.
  BuiltModule module(std::string_view source = k_module, const std::string& flags = "-g") const {
    EXPECT_TRUE(write_file(path() / "copy/sub/dev.c", source));
    run("gcc " + flags + " -O1 -fno-pie -ffunction-sections -c -o dev.o " +
        (path() / "copy/sub/dev.c").string() + " && ld -r -o exercise.ko dev.o");
    return {.name = "exercise",
            .ko = path() / "exercise.ko",
            .bare = path() / "exercise.ko",
            .source = path() / "source",
            .copy = path() / "copy"};
  }

  struct Member {
    const char *structure, *name;
    std::uint32_t byte;
  };
  // A vmlinux that has nothing but these types.
  Kernel kernel(const std::vector<Member>& members) const {
    const std::unique_ptr<btf, void (*)(btf*)> types(::btf__new_empty(),
                                                     [](btf* one) { ::btf__free(one); });
    const auto number = ::btf__add_int(types.get(), "long", 8, 0);
    std::string_view last;
    for (const auto& [structure, name, byte] : members) {
      if (last != structure) ::btf__add_struct(types.get(), structure, 4096);
      EXPECT_EQ(::btf__add_field(types.get(), name, number, 8 * byte, 0), 0);
      last = structure;
    }
    std::uint32_t size = 0;
    const auto* bytes = static_cast<const char*>(::btf__raw_data(types.get(), &size));
    EXPECT_TRUE(write_file(path() / "types", {bytes, size}));
    EXPECT_TRUE(write_file(path() / "vmlinux.s", ".section .BTF,\"a\"\n.incbin \"types\"\n"));
    run("gcc -c -o vmlinux vmlinux.s");
    return {.release = "6.12.0-test", .vmlinux = path() / "vmlinux"};
  }

  // The facts that are handed to gdb_session.py; the script's other line sources it.
  Json facts(const Result<fs::path>& script) const {
    if (!script) {
      ADD_FAILURE() << script.error().to_string();
      return {};
    }
    const auto text = read_file(*script).value();
    const auto lines = lines_of(text);
    EXPECT_EQ(lines.size(), 2U) << text;
    EXPECT_EQ(lines.back(), "source " + (script->parent_path() / "gdb_session.py").string());
    constexpr std::string_view k_begin = "python kobox = ";
    EXPECT_TRUE(lines[0].starts_with(k_begin)) << text;
    return Json::parse(lines[0].substr(k_begin.size()), nullptr, false);
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-gdb-test").value();
};

const std::vector<std::pair<std::string, std::string>> k_no_settings = {
    {"HOME", "/nonexistent"}, {"XDG_CONFIG_HOME", ""}, {"LC_ALL", "C.UTF-8"}};

TEST_F(GdbSetupTest, WithoutAModuleItIsTheKernelAlone) {
  const GdbSetup setup = {.kernel_symbols = "/cache/kernel.elf",
                          .kernel_offset = 0xffffffffff000000,
                          .server = ":1234",
                          .breakpoints = {"dev_open", "f.c:3 if n == 2"}};
  EXPECT_EQ(facts(write_gdb_setup(path() / "gdb", setup, {}, {})),
            Json({{"kernel", "/cache/kernel.elf"},
                  {"offset", 0xffffffffff000000},
                  {"architecture", "i386:x86-64"},
                  {"first_argument", "rdi"},
                  {"server", ":1234"},
                  {"breakpoints", {"dev_open", "f.c:3 if n == 2"}},
                  {"modules", Json::array()}}));
  EXPECT_THAT(read_file(path() / "gdb/gdb_session.py").value(), HasSubstr("\nset_up(kobox)\n"));
}

TEST_F(GdbSetupTest, OddNamesStayOneLineAndWhatTheyAre) {
  const std::string odd = std::string(k_odd_name) + "\n\t\x01\x7f";
  const auto read = facts(write_gdb_setup(
      path() / k_odd_name, {.kernel_symbols = odd, .server = odd, .breakpoints = {odd}}, {}, {}));
  EXPECT_EQ(read["kernel"], odd);
  EXPECT_EQ(read["server"], odd);
  EXPECT_EQ(read["breakpoints"], Json({odd}));
}

TEST_F(GdbSetupTest, ANameThatIsNotUtf8IsAnErrorThatShowsIt) {
  const auto script = write_gdb_setup(path(), {.kernel_symbols = "/a\xff/kernel.elf"}, {}, {});
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().kind(), ErrorKind::environment);
  EXPECT_THAT(script.error().message(), HasSubstr("UTF-8"));
}

TEST_F(GdbSetupTest, AModuleIsFoundByASymbolOfEachSection) {
  const auto built = module();
  const auto vmlinux =
      kernel({{"module", "name", 24}, {"module", "kallsyms", 888}, {"mod_kallsyms", "symtab", 16}});
  const auto read = facts(write_gdb_setup(path() / "gdb", {}, vmlinux, {built}));
  EXPECT_EQ(read["modules"][0]["name"], "exercise");
  EXPECT_EQ(read["modules"][0]["sources"],
            Json({path().string() + "/copy", path().string() + "/source"}));
  EXPECT_EQ(read["modules"][0]["ko"], path().string() + "/gdb/exercise.ko");
  EXPECT_EQ(read["layout"],
            Json({{"module_name", 24}, {"module_kallsyms", 888}, {"kallsyms_symtab", 16}}));
  const auto ko = ElfImage::open(built.ko).value();
  const auto table = ko.find(".symtab")->bytes;
  for (const char* name : {".text.dev_open", ".init.text", ".bss"}) {
    ASSERT_TRUE(read["modules"][0]["symbols"].contains(name)) << read["modules"][0]["symbols"];
    Elf64_Sym symbol;
    const auto number = read["modules"][0]["symbols"][name][0].get<std::size_t>();
    ASSERT_LE((number + 1) * sizeof symbol, table.size());
    std::memcpy(&symbol, table.data() + number * sizeof symbol, sizeof symbol);
    EXPECT_EQ(ko.sections()[symbol.st_shndx - 1U].name, name);
    EXPECT_EQ(read["modules"][0]["symbols"][name][1], symbol.st_value);
  }
  for (const auto& [name, place] : read["modules"][0]["symbols"].items())
    EXPECT_NE(ko.find(name)->flags & SHF_ALLOC, 0U) << name;
}

TEST_F(GdbSetupTest, GdbGetsTheModuleWithoutAddresses) {
  const auto built = module();
  ASSERT_TRUE(
      write_file(path() / "addresses.lds", "SECTIONS { .init.text 0x1234 : { *(.init.text) } }"));
  run("ld -r -T addresses.lds -o exercise.ko dev.o");
  const auto vmlinux =
      kernel({{"module", "name", 24}, {"module", "kallsyms", 888}, {"mod_kallsyms", "symtab", 16}});
  ASSERT_EQ(ElfImage::open(built.ko)->find(".init.text")->address, 0x1234U);
  const auto read = facts(write_gdb_setup(path() / "gdb", {}, vmlinux, {built}));
  const auto copy = ElfImage::open(read["modules"][0].value("ko", "")).value();
  EXPECT_THAT(copy.sections(), Each(Field(&ElfSection::address, 0U)));
  const auto before = ElfImage::open(built.ko).value();
  ASSERT_EQ(copy.sections().size(), before.sections().size());
  for (std::size_t i = 0; i < before.sections().size(); ++i)
    EXPECT_EQ(copy.sections()[i].bytes, before.sections()[i].bytes);
}

TEST_F(GdbSetupTest, AKernelWhoseTypesDoNotTellIsRefused) {
  const auto built = module();
  const auto why = [&](const Kernel& vmlinux) {
    const auto script = write_gdb_setup(path() / "gdb", {}, vmlinux, {built});
    if (script) return std::string("no error");
    EXPECT_EQ(script.error().kind(), ErrorKind::environment);
    return script.error().message();
  };
  EXPECT_THAT(why(kernel({{"module", "name", 24}})), HasSubstr("no kallsyms in struct module"));
  EXPECT_THAT(why(kernel({{"module", "name", 24}, {"module", "kallsyms", 888}})),
              HasSubstr("no symtab in struct mod_kallsyms"));
  EXPECT_THAT(why(kernel({})), HasSubstr("no name in struct module"));
  EXPECT_THAT(why({.vmlinux = built.ko}), HasSubstr("CONFIG_DEBUG_INFO_BTF"));
  run("printf garbage > types && gcc -c -o vmlinux vmlinux.s");
  EXPECT_THAT(why({.vmlinux = path() / "vmlinux"}), HasSubstr("CONFIG_DEBUG_INFO_BTF"));
}

TEST_F(GdbSetupTest, AFunctionOfTheModuleIsMeantInItsFile) {
  const auto built = module();
  EXPECT_EQ(qualified_location("dev_open", {built}), "sub/dev.c:dev_open");
  EXPECT_EQ(qualified_location("my_init", {built}), "sub/dev.c:my_init");
  for (const char* other : {"vfs_open", "state", "", "*dev_open", "dev.c:2", "dev.c:dev_open", "2",
                            "2dev_open", "dev_open if x == 1", "dev_open+4", "ä"})
    EXPECT_EQ(qualified_location(other, {built}), other);
}

// GDB knows no file "../common/dev.c".
TEST_F(GdbSetupTest, AFunctionOfASourceBesideTheModulesIsMeantByItsLastParts) {
  auto built = module();
  built.top = built.copy;
  built.copy /= "drivers/mine";
  EXPECT_EQ(qualified_location("dev_open", {built}), "sub/dev.c:dev_open");
}

TEST_F(GdbSetupTest, TwoModulesOfTwoDirectoriesHaveTheirSources) {
  auto one = module();
  auto other = one;
  other.name = "other";
  other.copy = "/needs/bus";
  other.source = "/home/me/bus";
  const auto vmlinux =
      kernel({{"module", "name", 24}, {"module", "kallsyms", 888}, {"mod_kallsyms", "symtab", 16}});
  const auto read = facts(write_gdb_setup(path() / "gdb", {}, vmlinux, {other, one}));
  ASSERT_EQ(read["modules"].size(), 2U);
  EXPECT_EQ(read["modules"][0]["sources"], Json({"/needs/bus", "/home/me/bus"}));
  EXPECT_EQ(read["modules"][1]["name"], "exercise");
}

TEST_F(GdbSetupTest, WithoutDwarfALocationStaysAndTheUserIsTold) {
  const auto bare = module(k_module, "-g0");
  EXPECT_EQ(qualified_location("dev_open", {bare}), "dev_open");
  EXPECT_THAT(missing_debug_info({bare}), HasSubstr("exercise was built without debugging"));
  EXPECT_EQ(missing_debug_info({module()}), "");
  BuiltModule absent;
  absent.ko = path() / "absent.ko";
  EXPECT_EQ(qualified_location("dev_open", {absent}), "dev_open");
}

TEST_F(GdbSetupTest, GdbHasTheKernelsSymbolsWhereItWasMovedTo) {
  const auto gdb = find_gdb();
  if (!gdb) GTEST_SKIP() << gdb.error().to_string();
  run("printf 'int dev_open(void) { return 1; }' > kernel.c && gcc -c -o kernel.o kernel.c && "
      "ld -e 0 -Ttext=0xffffffff81000000 -o kernel.elf kernel.o");
  // As one's home directory may be called.
  const auto directory = path() / k_odd_name;
  ASSERT_TRUE(make_directories(directory));
  fs::rename(path() / "kernel.elf", directory / "kernel.elf");
  for (const std::uint64_t offset : {0x0U, 0x12e00000U}) {
    const GdbSetup setup = {.kernel_symbols = directory / "kernel.elf",
                            .kernel_offset = offset,
                            .server = path() / "no-such-socket"};
    const auto script = write_gdb_setup(directory, setup, {}, {}).value();
    const auto done = run_command({.argv = {*gdb, "-nx", "-batch", "-x", script, "-ex",
                                            R"(printf "is at %#lx\n", (long) dev_open)"},
                                   .cwd = path(),
                                   .environment = k_no_settings},
                                  {.deadline = Deadline::after(std::chrono::minutes(1))})
                          .value();
    EXPECT_THAT(done.output, HasSubstr(fmt::format("is at {:#x}\n", 0xffffffff81000000 + offset)))
        << done.error;
    EXPECT_THAT(done.error, HasSubstr("No such file or directory")) << "only its peer was missing";
  }
}

}  // namespace
}  // namespace kobox
