// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/orc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child.h"
#include "base/files.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum OrcLayout;
using Reg = OrcRow::Reg;
using Type = OrcRow::Type;

constexpr std::uint64_t k_table = 0xffffffff82000000;  // where .orc_unwind_ip lies
constexpr std::uint64_t k_text = 0xffffffff81000000;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

// The two sections, from addresses and rows as the kernel has them.
class Table {
 public:
  Table& row(std::uint64_t ip, int sp_offset, int bp_offset, int flags) {
    put(ips, ip - (k_table + ips.size()), 4);
    put(entries, static_cast<std::uint64_t>(sp_offset), 2);
    put(entries, static_cast<std::uint64_t>(bp_offset), 2);
    put(entries, static_cast<std::uint64_t>(flags), 2);
    return *this;
  }
  auto parsed(OrcLayout layout) const { return parse_orc(ips, k_table, entries, layout); }

  std::string ips, entries;
};

// What becomes of the upper byte of a row's flags.
Type type_of(int upper, OrcLayout layout) {
  const auto rows = Table().row(k_text, 8, 0, (upper << 8) | 5).parsed(layout);
  EXPECT_TRUE(rows) << rows.error().to_string();
  return rows ? rows->at(0).type : Type::end;
}

TEST(ParseOrc, ARowSaysWhereTheFrameLies) {
  const auto rows = Table().row(k_text + 0x10, 24, -16, 0x215).parsed(since_6_4);
  ASSERT_TRUE(rows) << rows.error().to_string();
  ASSERT_EQ(rows->size(), 1U);
  const auto& row = rows->front();
  EXPECT_EQ(row.ip, k_text + 0x10);
  EXPECT_EQ(row.sp_offset, 24);
  EXPECT_EQ(row.bp_offset, -16);
  EXPECT_EQ(row.sp_reg, Reg::sp);
  EXPECT_EQ(row.bp_reg, Reg::prev_sp);
  EXPECT_EQ(row.type, Type::call);
}

TEST(ParseOrc, OffsetsAreSignedAndHave16Bits) {
  const auto rows = Table().row(k_text, -32768, 32767, 0x205).parsed(since_6_4).value();
  EXPECT_EQ(rows[0].sp_offset, -32768);
  EXPECT_EQ(rows[0].bp_offset, 32767);
}

TEST(ParseOrc, AnAddressIsRelativeToItsOwnPlaceOnEitherSide) {
  const auto rows = Table()
                        .row(k_text, 8, 0, 0x205)
                        .row(k_text + 1, 8, 0, 0x205)
                        .row(k_table + 0x1000, 8, 0, 0x205)
                        .parsed(since_6_4)
                        .value();
  EXPECT_EQ(rows[0].ip, k_text);
  EXPECT_EQ(rows[1].ip, k_text + 1);
  EXPECT_EQ(rows[2].ip, k_table + 0x1000);
}

TEST(ParseOrc, EveryRegisterOfTheFrame) {
  using enum OrcRow::Reg;
  const std::vector<Reg> until_7_0 = {prev_sp, dx, di, bp, sp, r10, r13, bp_indirect, sp_indirect};
  const std::vector<Reg> from_7_1 = {ax,  dx,  sp,      bp,          di,
                                     r10, r13, prev_sp, sp_indirect, bp_indirect};
  for (const auto layout : {until_6_2, since_6_4, since_7_1}) {
    const auto& registers = layout == since_7_1 ? from_7_1 : until_7_0;
    const int call = layout == until_6_2 ? 0 : 0x200;
    for (int number = 1; number < 16; ++number) {
      const auto at = static_cast<std::size_t>(number - 1);
      const bool defined = at < registers.size();
      const auto reg = defined ? registers[at] : undefined;
      const auto row = Table().row(k_text, 8, 0, call | number).parsed(layout).value().at(0);
      EXPECT_EQ(row.sp_reg, reg) << number;
      EXPECT_EQ(row.bp_reg, undefined);
      EXPECT_EQ(row.type, defined ? Type::call : Type::end) << number;
      const auto other = Table().row(k_text, 8, 0, call | (number << 4) | 4).parsed(layout).value();
      EXPECT_EQ(other[0].bp_reg, reg) << number;
      EXPECT_EQ(other[0].sp_reg, bp);
    }
  }
}

// 5.10 and 6.1: two bits of type, then one that says that the stack ends here.
TEST(ParseOrc, TypesUpTo6_2) {
  EXPECT_EQ(type_of(0, until_6_2), Type::call);
  EXPECT_EQ(type_of(1, until_6_2), Type::regs);
  EXPECT_EQ(type_of(2, until_6_2), Type::regs_partial);
  EXPECT_EQ(type_of(3, until_6_2), Type::end) << "no such type";
  for (const int end : {4, 5, 6, 7}) EXPECT_EQ(type_of(end, until_6_2), Type::end) << end;
}

// 6.12 and 7.3: three bits of type, then one that marks a signal's frame.
TEST(ParseOrc, TypesSince6_4) {
  for (const int signal : {0, 8}) {
    for (const auto layout : {since_6_4, since_7_1}) {
      EXPECT_EQ(type_of(0 | signal, layout), Type::end) << "undefined";
      EXPECT_EQ(type_of(1 | signal, layout), Type::end);
      EXPECT_EQ(type_of(2 | signal, layout), Type::call);
      EXPECT_EQ(type_of(3 | signal, layout), Type::regs);
      EXPECT_EQ(type_of(4 | signal, layout), Type::regs_partial);
      for (const int none : {5, 6, 7}) EXPECT_EQ(type_of(none | signal, layout), Type::end) << none;
    }
  }
}

TEST(ParseOrc, WithoutAStackPointerNothingIsAbove) {
  for (const auto layout : {until_6_2, since_6_4, since_7_1})
    for (const int upper : {0, 1, 2, 3, 4})
      EXPECT_EQ(Table().row(k_text, 8, 0, upper << 8).parsed(layout).value()[0].type, Type::end);
}

TEST(ParseOrc, NoRowsAreNoError) {
  EXPECT_THAT(parse_orc("", k_table, "", since_6_4).value(), IsEmpty());
}

TEST(ParseOrc, SectionsThatDoNotFitEachOtherAreRefused) {
  const auto whole = Table().row(k_text, 8, 0, 0x205).row(k_text + 4, 16, 0, 0x205);
  ASSERT_TRUE(whole.parsed(since_6_4));
  for (std::size_t cut = 0; cut < whole.ips.size(); ++cut) {
    const auto rows = parse_orc(whole.ips.substr(0, cut), k_table, whole.entries, since_6_4);
    ASSERT_FALSE(rows) << cut;
    EXPECT_EQ(rows.error().kind(), ErrorKind::environment);
    EXPECT_THAT(rows.error().message(), HasSubstr(fmt::format("{} bytes of .orc_unwind_ip", cut)));
  }
  for (std::size_t cut = 0; cut < whole.entries.size(); ++cut)
    EXPECT_FALSE(parse_orc(whole.ips, k_table, whole.entries.substr(0, cut), since_6_4)) << cut;
  EXPECT_FALSE(parse_orc(whole.ips, k_table, whole.entries + "x", since_6_4));
  EXPECT_FALSE(parse_orc(whole.ips + "x", k_table, whole.entries, since_6_4));
}

TEST(ParseOrc, AnUnsortedTableIsRefused) {
  const auto rows = Table().row(k_text + 4, 8, 0, 0x205).row(k_text, 8, 0, 0x205).parsed(since_6_4);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind(), ErrorKind::environment);
  EXPECT_THAT(rows.error().message(), HasSubstr("not sorted"));
  EXPECT_TRUE(Table().row(k_text, 8, 0, 0x205).row(k_text, 16, 0, 0x205).parsed(since_6_4))
      << "an end and a beginning may share an address";
}

// What the kernels' .orc_header holds, as the assembler's .byte takes it.
constexpr const char* k_hash_6_12 =
    "0xfe,0x5d,0x32,0xbf,0x58,0x1b,0xd6,0x3b,0x2c,0xa9,0xa5,0xc6,0x5b,0xa5,0xa6,0x25,0xea,0xb3,"
    "0xfe,0x24";
constexpr const char* k_hash_7_3 =
    "0x13,0x7c,0x36,0xad,0x76,0x27,0xc4,0xdd,0x55,0x93,0x21,0x76,0xbb,0x0e,0xcd,0xbd,0x50,0x41,"
    "0xfc,0x82";

class ReadOrcTest : public ::testing::Test {
 protected:
  // An object with the named sections; the kernel's own are at an address, this one's at 0.
  ElfImage image(const std::vector<std::string>& sections, const std::string& more = "") {
    std::string text = more;
    for (const auto& name : sections) {
      const auto* const value =
          name == ".orc_unwind_ip" ? ".long 0x40, 0x50" : ".short 8, 0, 0x105, 16, 0, 0x203";
      text += fmt::format(".section {},\"a\"\n{}\n", name, value);
    }
    EXPECT_TRUE(write_file(directory_.path() / "a.s", text));
    const auto done =
        run_command({.argv = {"gcc", "-c", "a.s", "-o", "a.o"}, .cwd = directory_.path()}).value();
    EXPECT_TRUE(done.status.success()) << done.error;
    return ElfImage::open(directory_.path() / "a.o").value();
  }
  ElfImage with_header(const std::string& bytes) {
    return image({".orc_unwind_ip", ".orc_unwind"},
                 fmt::format(".section .orc_header,\"a\"\n.byte {}\n", bytes));
  }
  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-orc-test").value();
};

MATCHER_P2(IsRow, ip, type, "") { return arg.ip == std::uint64_t(ip) && arg.type == type; }

TEST_F(ReadOrcTest, TheHeaderTellsTheLayout) {
  const auto rows_of = [](const ElfImage& vmlinux) {
    auto rows = read_orc(vmlinux);
    EXPECT_TRUE(rows) << rows.error().to_string();
    return rows.value_or(std::vector<OrcRow>());
  };
  const auto rows_5_10 = rows_of(image({".orc_unwind_ip", ".orc_unwind"}));
  EXPECT_THAT(rows_5_10, ElementsAre(IsRow(0x40U, Type::regs), IsRow(0x54U, Type::regs_partial)));
  const auto rows_6_12 = rows_of(with_header(k_hash_6_12));
  EXPECT_THAT(rows_6_12, ElementsAre(IsRow(0x40U, Type::end), IsRow(0x54U, Type::call)));
  EXPECT_EQ(rows_6_12[1].sp_reg, Reg::di);
  const auto rows_7_3 = rows_of(with_header(k_hash_7_3));
  EXPECT_THAT(rows_7_3, ElementsAre(IsRow(0x40U, Type::end), IsRow(0x54U, Type::call)));
  EXPECT_EQ(rows_7_3[1].sp_reg, Reg::sp);
}

TEST_F(ReadOrcTest, AnUnknownLayoutIsNotRead) {
  const std::string known = k_hash_7_3;
  for (const auto& bytes : {known.substr(0, known.size() - 1) + "3", known + ",0",
                            known.substr(0, known.size() - 5), std::string("0")}) {
    const auto vmlinux = with_header(bytes);
    EXPECT_EQ(orc_layout(vmlinux), std::nullopt) << bytes;
    EXPECT_THAT(read_orc(vmlinux).value(), IsEmpty()) << bytes;
  }
  for (const auto& [version, known_layout] :
       {std::pair{"5.10.0-46-amd64", true}, {"6.2.1", true}, {"6.3.1", false}, {"6.4.0", false}}) {
    const auto banner = fmt::format(".section .rodata\n.asciz \"Linux version {}\"\n", version);
    const auto vmlinux = image({".orc_unwind_ip", ".orc_unwind"}, banner);
    EXPECT_EQ(orc_layout(vmlinux).has_value(), known_layout) << version;
  }
}

TEST_F(ReadOrcTest, AKernelWithoutTheTableHasNoRows) {
  EXPECT_THAT(read_orc(image({})).value(), IsEmpty());
  EXPECT_THAT(read_orc(image({".orc_unwind_ip"})).value(), IsEmpty());
  EXPECT_THAT(read_orc(image({".orc_unwind"})).value(), IsEmpty());
}

}  // namespace
}  // namespace kobox
