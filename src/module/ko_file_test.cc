// SPDX-License-Identifier: GPL-2.0-or-later
// Needs gcc and ld: the objects are made here, as kbuild makes a .ko (relocatable, linked -r).
#include "module/ko_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Address = KoLines::Address;

constexpr std::string_view k_first = R"(extern int sink(int);
static inline __attribute__((always_inline)) int innermost(int x) {
  *(volatile int *)8 = x;
  return x;
}
static inline __attribute__((always_inline)) int middle(int x) {
  return innermost(x + 1);
}
int __attribute__((noinline)) dev_write(int x) {
  int y = middle(x);
  return sink(y) + 1;
}
static __attribute__((noinline, used)) int helper(int x) { return x; }
int __attribute__((section(".init.text"))) my_init(void) {
  return sink(2) + 5;
}
int __attribute__((section(".init.text"))) next_init(void) { return sink(3) + 7; }
)";
constexpr std::string_view k_second = R"(#include "header.h"
extern int sink(int);
static __attribute__((noinline, used)) int helper(int x) {
  return sink(x) + sink(x + 1) * sink(x + 2);
}
int from_header(int x) { return in_header(x); }
const char info[] __attribute__((section(".modinfo"), used)) =
    "name=two\0depends=virtio,virtio_ring\0vermagic=6.1.0 SMP\0parm=x:a=b\0parmtype=y:int\0parm=y:c\0license=GPL\0softdep=crc32c pre: one two-b post: three\0softdep=pre: four\0alias=fs-two\0alias=x:*";
)";
constexpr std::string_view k_header =
    "static inline __attribute__((always_inline)) int in_header(int x) {\n"
    "  return *(volatile int *)(unsigned long)(unsigned)x;\n"
    "}\n";

std::string run(const std::string& command, const fs::path& directory) {
  auto done = run_command({.argv = {"sh", "-c", command}, .cwd = directory}, {}, Streams::merged);
  EXPECT_TRUE(done && done->status.success()) << command << "\n" << (done ? done->output : "");
  return done ? done->output : "";
}

struct Frame {
  std::string function, place;
  bool operator==(const Frame&) const = default;
};
void PrintTo(const Frame& frame, std::ostream* out) {
  *out << frame.function << " at " << frame.place;
}

std::vector<Frame> frames(const std::vector<SourceLocation>& locations) {
  std::vector<Frame> result;
  for (const auto& one : locations)
    result.push_back({one.function, fmt::format("{}:{}", one.file, one.line)});
  return result;
}

class KoFileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir(TempDir::make(fs::temp_directory_path(), "kobox-ko-test").value());
    const auto& path = directory_->path();
    ASSERT_TRUE(write_file(path / "src/one.c", k_first));
    ASSERT_TRUE(write_file(path / "src/sub/two.c", k_second));
    ASSERT_TRUE(write_file(path / "headers/header.h", k_header));
    // From another directory with absolute paths, as kbuild does it.
    const std::string compile = "gcc -g -O2 -fno-pie -fcf-protection=none -ffunction-sections ";
    run(compile + "-c -o one.o " + (path / "src/one.c").string(), path);
    run(compile + "-Iheaders -c -o two.o " + (path / "src/sub/two.c").string(), path);
    run("ld -r -o both.ko one.o two.o", path);
  }
  static void TearDownTestSuite() { delete std::exchange(directory_, nullptr); }

  static fs::path path() { return directory_->path(); }

  struct Symbol {
    std::uint64_t address, size;
  };
  // What nm says of a function; the n-th of its name.
  static Symbol symbol(const std::string& name, int which = 0) {
    const auto output = run("nm -S both.ko", path());
    for (const auto line : lines_of(output)) {
      const auto words = split(line, ' ');
      if (words.size() == 4 && words[3] == name && which-- == 0)
        return {std::stoull(words[0], nullptr, 16), std::stoull(words[1], nullptr, 16)};
    }
    ADD_FAILURE() << "no symbol " << name;
    return {};
  }
  enum class Where { at, after };
  // The offset in a function of its first instruction with this text, or of the one after it, by
  // objdump. Holds for functions at the start of their section, as all are here.
  static std::uint64_t offset_of(const std::string& function, const std::string& instruction,
                                 Where where = Where::at, const std::string& file = "both.ko") {
    bool found = false;
    const auto output = run("objdump -d --disassemble=" + function + " " + file, path());
    for (const auto line : lines_of(output)) {
      const auto colon = line.find(":\t");
      if (colon == std::string_view::npos) continue;
      const auto offset = std::stoull(std::string(trim(line.substr(0, colon))), nullptr, 16);
      if (found) return offset;
      if (line.find(instruction) == std::string_view::npos) continue;
      if (where == Where::at) return offset;
      found = true;
    }
    ADD_FAILURE() << "no " << instruction << " in " << function << "\n" << output;
    return 0;
  }

  static inline TempDir* directory_ = nullptr;
};

TEST_F(KoFileTest, InlinedFramesComeInnermostFirst) {
  auto lines = KoLines::open(path() / "both.ko", path() / "src");
  ASSERT_TRUE(lines) << lines.error().to_string();
  const auto fault = offset_of("dev_write", "%edi,0x8");
  EXPECT_THAT(frames(lines->locate("dev_write", fault, symbol("dev_write").size, Address::exact)),
              ElementsAre(Frame{"innermost", "one.c:3"}, Frame{"middle", "one.c:7"},
                          Frame{"dev_write", "one.c:10"}));
}

TEST_F(KoFileTest, ReturnAddressIsLookedUpInTheCall) {
  auto lines = KoLines::open(path() / "both.ko", path() / "src").value();
  const auto after = offset_of("my_init", "call", Where::after);
  EXPECT_THAT(frames(lines.locate("my_init", after, 0, Address::after_call)),
              ElementsAre(Frame{"my_init", "one.c:15"}));
  EXPECT_THAT(lines.locate("my_init", 0, 0, Address::after_call), IsEmpty());
}

TEST_F(KoFileTest, SizeTellsFunctionsOfOneNameApart) {
  auto lines = KoLines::open(path() / "both.ko", path() / "src").value();
  const auto first = symbol("helper", 0).size;
  const auto second = symbol("helper", 1).size;
  ASSERT_NE(first, second);
  EXPECT_THAT(frames(lines.locate("helper", 0, first, Address::exact)),
              ElementsAre(Frame{"helper", "one.c:13"}));
  EXPECT_THAT(frames(lines.locate("helper", 0, second, Address::exact)),
              ElementsAre(Frame{"helper", "sub/two.c:3"}));
  // The kernel counts the padding up to the next symbol too.
  EXPECT_THAT(frames(lines.locate("helper", 0, second + 7, Address::exact)),
              ElementsAre(Frame{"helper", "sub/two.c:3"}));
}

TEST_F(KoFileTest, HeadersOutsideOfTheModuleKeepTheirPath) {
  auto lines = KoLines::open(path() / "both.ko", path() / "src").value();
  const auto load = offset_of("from_header", "(%");
  EXPECT_THAT(frames(lines.locate("from_header", load, 0, Address::exact)),
              ElementsAre(Frame{"in_header", (path() / "headers/header.h").string() + ":2"},
                          Frame{"from_header", "sub/two.c:6"}));
}

TEST_F(KoFileTest, UnknownPlacesAreEmpty) {
  auto lines = KoLines::open(path() / "both.ko", path() / "src").value();
  EXPECT_THAT(lines.locate("nobody", 0, 0, Address::exact), IsEmpty());
  EXPECT_THAT(lines.locate("sink", 0, 0, Address::exact), IsEmpty());
  const auto next = symbol("next_init").address;
  EXPECT_THAT(lines.locate("my_init", symbol("my_init").size - 1, 0, Address::exact), SizeIs(1));
  EXPECT_THAT(lines.locate("my_init", next, 0, Address::exact), IsEmpty());
  EXPECT_THAT(lines.locate("dev_write", 1 << 20, 0, Address::exact), IsEmpty());
}

TEST_F(KoFileTest, ColdPartsBelongToTheirFunction) {
  ASSERT_TRUE(write_file(path() / "src/cold.c", R"(extern void __attribute__((cold)) bad(int);
extern int good(int);
int worker(int x) {
  if (__builtin_expect(x > 100, 0)) {
    bad(x);
    bad(x + 1);
  }
  return good(x) + 1;
}
)"));
  run("gcc -g -O2 -fno-pie -c -o cold.ko src/cold.c", path());
  ASSERT_THAT(run("nm cold.ko", path()), HasSubstr("worker.cold"));
  auto lines = KoLines::open(path() / "cold.ko", path() / "src").value();
  const auto after = offset_of("worker.cold", "call", Where::after, "cold.ko");
  EXPECT_THAT(frames(lines.locate("worker.cold", after, 0, Address::after_call)),
              ElementsAre(Frame{"worker", "cold.c:5"}));
}

TEST_F(KoFileTest, NoDwarfNoLines) {
  run("strip -g -o bare.ko both.ko", path());
  auto lines = KoLines::open(path() / "bare.ko", path() / "src");
  ASSERT_TRUE(lines);
  EXPECT_THAT(lines->locate("dev_write", 0, 0, Address::exact), IsEmpty());
}

TEST_F(KoFileTest, ReadsModinfo) {
  auto info = read_modinfo(path() / "both.ko");
  ASSERT_TRUE(info) << info.error().to_string();
  EXPECT_EQ(info->name, "two");
  EXPECT_EQ(info->vermagic, "6.1.0 SMP");
  EXPECT_THAT(info->soft_before, ElementsAre("one", "two-b", "four"));
  EXPECT_THAT(info->soft_after, ElementsAre("three"));
  EXPECT_THAT(info->aliases, ElementsAre("fs-two", "x:*"));
  EXPECT_THAT(info->depends, ElementsAre("virtio", "virtio_ring"));
  EXPECT_THAT(info->parameters, ElementsAre("x", "y"));
}

TEST_F(KoFileTest, WhatIsNoModuleIsRefused) {
  ASSERT_TRUE(write_file(path() / "text.ko", "no ELF file"));
  ASSERT_TRUE(write_file(path() / "empty.ko", ""));
  const auto whole = read_file(path() / "both.ko").value();
  ASSERT_TRUE(write_file(path() / "short.ko", whole.substr(0, 100)));
  for (const auto* name : {"text.ko", "empty.ko", "short.ko", "one.o", "absent.ko"}) {
    auto info = read_modinfo(path() / name);
    ASSERT_FALSE(info) << name;
    EXPECT_EQ(info.error().kind(), ErrorKind::environment);
    EXPECT_THAT(info.error().message(), HasSubstr(name));
  }
  for (const auto* name : {"text.ko", "empty.ko", "absent.ko"})
    EXPECT_FALSE(KoLines::open(path() / name, path())) << name;
}

// A .ko may be anything that lies in the cache: no cut of it may crash the readers.
TEST_F(KoFileTest, CutFilesDoNotCrash) {
  const auto whole = read_file(path() / "both.ko").value();
  const auto size = symbol("dev_write").size;
  for (std::size_t cut = 0; cut < whole.size(); cut += 97) {
    ASSERT_TRUE(write_file(path() / "cut.ko", whole.substr(0, cut)));
    [[maybe_unused]] const auto info = read_modinfo(path() / "cut.ko");
    auto lines = KoLines::open(path() / "cut.ko", path());
    if (lines) lines->locate("dev_write", 3, size, Address::exact);
  }
}

}  // namespace
}  // namespace kobox
