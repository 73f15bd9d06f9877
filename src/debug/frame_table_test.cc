// SPDX-License-Identifier: GPL-2.0-or-later
// The table is read by elfutils' libdw, and a caller's registers are computed from what it finds.
#include "debug/frame_table.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libelf.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>

namespace kobox {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using Reg = OrcRow::Reg;
using Type = OrcRow::Type;
using namespace std::string_view_literals;

// DWARF's numbers (System V ABI for x86-64, figure 3.36).
enum : int { rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip };

using Registers = std::map<int, std::uint64_t>;
using Memory = std::map<std::uint64_t, std::uint64_t>;

constexpr std::uint64_t k_text = 0xffffffff81000000;
constexpr std::uint64_t k_stack = 0xffffc90000004000;
constexpr std::uint64_t k_from = 0xffffffff81765432;  // where a caller goes on

// An ELF file of one section.
std::string elf_with(std::string_view name, std::string_view bytes) {
  const std::string names = '\0' + std::string(name) + '\0' + ".shstrtab" + '\0';
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  Elf64_Shdr sections[3] = {};
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  header.e_shoff = sizeof header;
  const auto at = sizeof header + sizeof sections;
  sections[1] = {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = at, .sh_size = bytes.size()};
  sections[2] = {.sh_name = static_cast<Elf64_Word>(name.size() + 2),
                 .sh_type = SHT_STRTAB,
                 .sh_offset = at + bytes.size(),
                 .sh_size = names.size()};
  sections[1].sh_addralign = sections[2].sh_addralign = 1;
  std::string file(at, '\0');
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, sections, sizeof sections);
  return file.append(bytes).append(names);
}

// Runs DWARF's expressions (DWARF 5, section 2.5), those that occur.
class Evaluator {
 public:
  Evaluator(Registers registers, Memory memory)
      : registers_(std::move(registers)), memory_(std::move(memory)) {}

  std::uint64_t cfa = 0;
  bool is_value = false;  // not the address of one

  std::uint64_t run(const Dwarf_Op* ops, std::size_t count) {
    stack_.clear();
    is_value = false;
    for (std::size_t i = 0; i < count; ++i) {
      const auto jump = step(ops[i]);
      if (!jump) continue;
      const auto target = ops[i].offset + 3 + *jump;  // from the next operation on
      while (i + 1 < count && ops[i + 1].offset < target) ++i;
    }
    EXPECT_FALSE(stack_.empty());
    return stack_.empty() ? 0 : stack_.back();
  }

  std::uint64_t read(std::uint64_t address) const {
    const auto found = memory_.find(address);
    EXPECT_NE(found, memory_.end()) << fmt::format("nothing is at {:#x}", address);
    return found == memory_.end() ? 0 : found->second;
  }

 private:
  std::uint64_t pop() {
    EXPECT_FALSE(stack_.empty());
    if (stack_.empty()) return 0;
    const auto top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::uint64_t reg(int number) const {
    EXPECT_THAT(registers_, Contains(Key(number)));
    return registers_.contains(number) ? registers_.at(number) : 0;
  }

  // How far to jump, or nothing.
  std::optional<std::uint64_t> step(const Dwarf_Op& op) {
    if (op.atom >= DW_OP_breg0 && op.atom <= DW_OP_breg31)
      stack_.push_back(reg(op.atom - DW_OP_breg0) + op.number);
    else if (op.atom >= DW_OP_lit0 && op.atom <= DW_OP_lit31)
      stack_.push_back(op.atom - DW_OP_lit0);
    else if (op.atom == DW_OP_bregx)
      stack_.push_back(reg(static_cast<int>(op.number)) + op.number2);
    else if (op.atom == DW_OP_call_frame_cfa)
      stack_.push_back(cfa);
    else if (op.atom == DW_OP_consts)
      stack_.push_back(op.number);
    else if (op.atom == DW_OP_deref)
      stack_.push_back(read(pop()));
    else if (op.atom == DW_OP_dup)
      stack_.insert(stack_.end(), 2, pop());
    else if (op.atom == DW_OP_drop)
      pop();
    else if (op.atom == DW_OP_and)
      stack_.push_back(pop() & pop());
    else if (op.atom == DW_OP_plus)
      stack_.push_back(pop() + pop());
    else if (op.atom == DW_OP_plus_uconst)
      stack_.push_back(pop() + op.number);
    else if (op.atom == DW_OP_stack_value)
      is_value = true;
    else if (op.atom == DW_OP_skip || (op.atom == DW_OP_bra && pop() != 0))
      return op.number;
    else if (op.atom != DW_OP_bra)
      ADD_FAILURE() << "operation " << int{op.atom};
    return std::nullopt;
  }

  Registers registers_;
  Memory memory_;
  std::vector<std::uint64_t> stack_;
};

// A table as libdw reads it.
class Frames {
 public:
  Frames(const std::vector<CodeRange>& functions, const std::vector<OrcRow>& rows)
      : file_(elf_with(".debug_frame", make_debug_frame(functions, rows))) {
    ::elf_version(EV_CURRENT);
    elf_.reset(::elf_memory(file_.data(), file_.size()));
    dwarf_.reset(::dwarf_begin_elf(elf_.get(), DWARF_C_READ, nullptr));
    cfi_ = ::dwarf_getcfi(dwarf_.get());
    EXPECT_NE(cfi_, nullptr) << ::dwarf_errmsg(-1);
  }

  bool covers(std::uint64_t address) const { return frame_at(address) != nullptr; }
  bool is_interrupted(std::uint64_t address) const {
    bool signal = false;
    EXPECT_EQ(::dwarf_frame_info(frame_at(address).get(), nullptr, nullptr, &signal), rip);
    return signal;
  }

  // What the registers are in the caller; those that nobody knows are missing.
  Registers caller(std::uint64_t address, const Registers& now, const Memory& memory) const {
    const auto frame = frame_at(address);
    EXPECT_NE(frame, nullptr) << fmt::format("nothing for {:#x}", address);
    if (!frame) return {};
    Evaluator evaluator(now, memory);
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(::dwarf_frame_cfa(frame.get(), &ops, &count), 0) << ::dwarf_errmsg(-1);
    evaluator.cfa = evaluator.run(ops, count);
    Registers before;
    for (int reg = rax; reg <= rip; ++reg) {
      Dwarf_Op own[3];
      EXPECT_EQ(::dwarf_frame_register(frame.get(), reg, own, &ops, &count), 0);
      if (count == 0 && ops != nullptr) continue;
      if (count == 0) {
        if (now.contains(reg)) before[reg] = now.at(reg);
        continue;
      }
      const auto found = evaluator.run(ops, count);
      before[reg] = evaluator.is_value ? found : evaluator.read(found);
    }
    return before;
  }

 private:
  using Frame = std::unique_ptr<Dwarf_Frame, decltype(&::free)>;
  Frame frame_at(std::uint64_t address) const {
    Dwarf_Frame* frame = nullptr;
    if (::dwarf_cfi_addrframe(cfi_, address, &frame) != 0) frame = nullptr;
    return {frame, &::free};
  }

  std::string file_;
  std::unique_ptr<Elf, int (*)(Elf*)> elf_{nullptr, &::elf_end};
  std::unique_ptr<Dwarf, int (*)(Dwarf*)> dwarf_{nullptr, &::dwarf_end};
  Dwarf_CFI* cfi_ = nullptr;
};

OrcRow by_sp(std::uint64_t offset, int depth) {
  return {k_text + offset, static_cast<std::int16_t>(depth), 0, Reg::sp, Reg::undefined,
          Type::call};
}

OrcRow row_of(Type type, Reg reg, int offset) {
  return {k_text, static_cast<std::int16_t>(offset), 0, reg, Reg::undefined, type};
}

CodeRange code(std::size_t size, std::string_view bytes = "", std::string_view name = "work") {
  return {.begin = k_text, .end = k_text + size, .name = name, .bytes = bytes};
}

// The caller's stack pointer of one row, with every register of its own.
std::uint64_t cfa_of(Type type, Reg reg, int offset, const Registers& now, const Memory& memory) {
  return Frames({code(16)}, {row_of(type, reg, offset)}).caller(k_text, now, memory)[rsp];
}

TEST(FrameTable, EveryRegisterThatAFrameMayStandOn) {
  const std::pair<Reg, int> all[] = {{Reg::ax, rax}, {Reg::dx, rdx}, {Reg::di, rdi},
                                     {Reg::bp, rbp}, {Reg::sp, rsp}, {Reg::r10, r10},
                                     {Reg::r13, r13}};
  for (const auto& [reg, number] : all)
    for (const int offset : {0, 8, 16, 504, 512, 4096, 32760, -8, -16, -512, -32768}) {
      const auto cfa = k_stack + static_cast<std::uint64_t>(offset);
      EXPECT_EQ(cfa_of(Type::call, reg, offset, {{number, k_stack}}, {{cfa - 8, k_from}}), cfa)
          << number << " " << offset;
    }
}

TEST(FrameTable, AFrameMayStandOnWhatIsInMemory) {
  const auto elsewhere = k_stack + 0x8000;
  for (const int offset : {0, 8, 120, -8, -16, -200}) {
    const auto by = static_cast<std::uint64_t>(offset);
    EXPECT_EQ(cfa_of(Type::call, Reg::bp_indirect, offset, {{rbp, k_stack}, {rsp, 1}},
                     {{k_stack + by, elsewhere}, {elsewhere - 8, k_from}}),
              elsewhere)
        << offset;
    EXPECT_EQ(cfa_of(Type::call, Reg::sp_indirect, offset, {{rsp, k_stack}},
                     {{k_stack, elsewhere}, {elsewhere + by - 8, k_from}}),
              elsewhere + by)
        << offset;
  }
}

// push %rbp; push %rbx; push %r12; sub $0x10,%rsp; nop; add $0x10,%rsp; pop %r12; pop %rbx;
// pop %rbp; ret
constexpr auto k_pushes =
    "\x55\x53\x41\x54\x48\x83\xec\x10\x90\x48\x83\xc4\x10\x41\x5c\x5b\x5d\xc3"sv;

std::vector<OrcRow> rows_of_pushes() {
  std::vector<OrcRow> rows = {by_sp(0, 8),   by_sp(1, 16),  by_sp(2, 24),
                              by_sp(4, 32),  by_sp(8, 48),  by_sp(13, 32),
                              by_sp(15, 24), by_sp(16, 16), by_sp(17, 8)};
  for (auto& row : rows)
    if (row.sp_offset > 8) row.bp_reg = Reg::prev_sp, row.bp_offset = -16;
  return rows;
}

TEST(FrameTable, WhatAFunctionPushesIsFoundAtEachOfItsInstructions) {
  const Frames frames({code(k_pushes.size(), k_pushes)}, rows_of_pushes());
  // The stack grows down from the return address; what is not pushed yet is still in its register.
  const auto top = k_stack + 8;
  const Memory stack = {{top - 8, k_from}, {top - 16, 0xb9}, {top - 24, 0xb3}, {top - 32, 0x12}};
  const Registers all = {{rbp, 0xb9}, {rbx, 0xb3}, {r12, 0x12},
                         {r13, 0x13}, {r14, 0x14}, {r15, 0x15}};
  for (const auto& row : rows_of_pushes()) {
    Registers now = all;
    now[rsp] = top - static_cast<std::uint64_t>(row.sp_offset);
    if (row.sp_offset >= 16) now[rbp] = 1;
    if (row.sp_offset >= 24) now[rbx] = 2;
    if (row.sp_offset >= 32) now[r12] = 3;
    Registers wanted = all;
    wanted[rsp] = top;
    wanted[rip] = k_from;
    EXPECT_EQ(frames.caller(row.ip, now, stack), wanted) << row.ip - k_text;
  }
  EXPECT_FALSE(frames.is_interrupted(k_text));
}

TEST(FrameTable, APushThatIsNotSeenLeavesItsRegister) {
  const auto caller = [](std::string_view bytes, const std::vector<OrcRow>& rows) {
    return Frames({code(32, bytes)}, rows)
        .caller(k_text + 20, {{rsp, k_stack}, {rbx, 7}, {r12, 8}},
                {{k_stack, 1}, {k_stack + 8, 2}, {k_stack + 16, 3}});
  };
  const std::vector<OrcRow> rows = {by_sp(0, 8), by_sp(1, 16)};
  EXPECT_EQ(caller("\x53", rows)[rbx], 1U);
  EXPECT_EQ(caller("", rows)[rbx], 7U) << "no code";
  EXPECT_EQ(caller("\x50", rows)[rbx], 7U) << "push %rax";
  EXPECT_EQ(caller("\x53", {by_sp(0, 8), by_sp(1, 24)})[rbx], 7U) << "no push is as long";
  EXPECT_EQ(caller("\x41\x53", {by_sp(0, 8), by_sp(2, 16)})[rbx], 7U) << "push %r11";
  EXPECT_EQ(caller("\x41\x54", {by_sp(0, 8), by_sp(2, 16)})[r12], 1U);
  EXPECT_EQ(
      caller("\x53\x90\x90\x41\x54", {by_sp(0, 8), by_sp(1, 16), by_sp(2, 8), by_sp(5, 16)})[rbx],
      7U)
      << "two prologues that disagree";
}

TEST(FrameTable, TheFramePointerIsWhereItsRowSays) {
  auto kept = row_of(Type::call, Reg::bp, 16);
  kept.bp_reg = Reg::prev_sp;
  kept.bp_offset = -16;
  auto caller =
      Frames({code(16)}, {kept})
          .caller(k_text, {{rbp, k_stack}, {rsp, 1}}, {{k_stack, 0xb9}, {k_stack + 8, k_from}});
  EXPECT_EQ(caller[rbp], 0xb9U);
  EXPECT_EQ(caller[rip], k_from);
  EXPECT_EQ(caller[rsp], k_stack + 16);
}

// A function that aligns its stack finds its caller's through %r10, and keeps %rbp below its own.
TEST(FrameTable, TheFramePointerMayBeFoundThroughItself) {
  for (const int offset : {0, 8, -8}) {
    auto row = row_of(Type::call, Reg::r10, 0);
    row.bp_reg = Reg::bp;
    row.bp_offset = static_cast<std::int16_t>(offset);
    auto caller = Frames({code(16)}, {row})
                      .caller(k_text, {{rbp, k_stack}, {r10, k_stack + 0x100}},
                              {{k_stack + static_cast<std::uint64_t>(offset), 0xb9},
                               {k_stack + 0xf8, k_from}});
    EXPECT_EQ(caller[rbp], 0xb9U) << offset;
    EXPECT_EQ(caller[rip], k_from);
  }
}

// struct pt_regs in arch/x86/include/asm/ptrace.h.
TEST(FrameTable, AnEntryFromTheKernelHasAllRegisters) {
  const int order[] = {r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi};
  Memory stack;
  Registers wanted;
  for (std::size_t i = 0; i < std::size(order); ++i)
    stack[k_stack + 8 * i] = wanted[order[i]] = 100 + i;
  stack[k_stack + 128] = wanted[rip] = k_from;
  stack[k_stack + 136] = 0x10;  // cs
  stack[k_stack + 152] = wanted[rsp] = k_stack + 0x7000;
  for (const int offset : {0, 8, -8}) {
    const Frames frames({code(16)}, {row_of(Type::regs, Reg::sp, offset)});
    const auto sp = k_stack - static_cast<std::uint64_t>(offset);
    EXPECT_EQ(frames.caller(k_text, {{rsp, sp}}, stack), wanted) << offset;
    EXPECT_TRUE(frames.is_interrupted(k_text));
  }
}

TEST(FrameTable, AnInterruptOfTheKernelHasWhatTheProcessorPushed) {
  const Frames frames({code(16)}, {row_of(Type::regs_partial, Reg::sp, 8)});
  const Registers now = {{rsp, k_stack}, {rbx, 1}, {rbp, 2}, {r12, 3},
                         {r13, 4},       {r14, 5}, {r15, 6}};
  auto wanted = now;
  wanted[rip] = k_from;
  wanted[rsp] = k_stack + 0x7000;
  EXPECT_EQ(
      frames.caller(k_text, now,
                    {{k_stack + 8, k_from}, {k_stack + 16, 0x10}, {k_stack + 32, wanted[rsp]}}),
      wanted);
  EXPECT_TRUE(frames.is_interrupted(k_text));
}

TEST(FrameTable, WhatCameFromUserSpaceHasNoCaller) {
  for (const std::uint64_t cs : {0x33, 0x23, 0x10}) {
    Memory stack;
    for (std::uint64_t i = 0; i < 21; ++i) stack[k_stack + 8 * i] = 1;
    stack[k_stack + 136] = cs;
    stack[k_stack + 128] = 0x401000;
    const std::uint64_t wanted = cs == 0x10 ? 0x401000 : 0;
    EXPECT_EQ(Frames({code(16)}, {row_of(Type::regs, Reg::sp, 0)})
                  .caller(k_text, {{rsp, k_stack}}, stack)[rip],
              wanted);
    EXPECT_EQ(Frames({code(16)}, {row_of(Type::regs_partial, Reg::sp, 128)})
                  .caller(k_text, {{rsp, k_stack}}, stack)[rip],
              wanted);
  }
}

TEST(FrameTable, ASystemCallAndTheEndOfAStackHaveNoReturnAddress) {
  const Registers now = {{rsp, k_stack}};
  const Frames end({code(16)}, {row_of(Type::end, Reg::undefined, 0)});
  EXPECT_THAT(end.caller(k_text, now, {}), Not(Contains(Key(rip))));
  EXPECT_FALSE(end.is_interrupted(k_text));
  const Frames call({code(16, "", "entry_SYSCALL_64")}, {row_of(Type::regs, Reg::sp, 0)});
  EXPECT_THAT(call.caller(k_text, now, {}), Not(Contains(Key(rip))));
}

// GDB refuses a frame whose caller lies deeper, unless it was interrupted.
TEST(FrameTable, AFunctionThatSwitchesTheStackCountsAsInterrupted) {
  for (const auto reg : {Reg::sp_indirect, Reg::bp_indirect}) {
    std::vector<OrcRow> rows = {by_sp(0, 8), row_of(Type::call, reg, 8), by_sp(8, 8)};
    rows[1].ip = k_text + 4;
    const Frames frames({code(16)}, rows);
    for (const auto offset : {0, 4, 8})
      EXPECT_TRUE(frames.is_interrupted(k_text + static_cast<unsigned>(offset))) << offset;
  }
}

TEST(FrameTable, AFunctionMayHaveRowsOfEveryType) {
  std::vector<OrcRow> rows = {by_sp(0, 8), row_of(Type::end, Reg::undefined, 0),
                              row_of(Type::regs, Reg::sp, 0), by_sp(12, 16)};
  rows[1].ip = k_text + 4;
  rows[2].ip = k_text + 8;
  const Frames frames({code(16)}, rows);
  const Memory stack = {{k_stack, k_from}, {k_stack + 8, k_from + 1}};
  const auto caller = [&](unsigned at) {
    return frames.caller(k_text + at, {{rsp, k_stack}}, stack);
  };
  EXPECT_EQ(caller(3)[rip], k_from);
  EXPECT_THAT(caller(4), Not(Contains(Key(rip))));
  EXPECT_THAT(caller(7), Not(Contains(Key(rip))));
  EXPECT_TRUE(frames.is_interrupted(k_text + 8));
  EXPECT_TRUE(frames.is_interrupted(k_text + 11));
  EXPECT_EQ(caller(12)[rip], k_from + 1);
  EXPECT_EQ(caller(15)[rip], k_from + 1);
}

TEST(FrameTable, RowsFarApartHoldToTheirByte) {
  for (const std::uint64_t distance : {1, 0x3f, 0x40, 0xffff, 0x10000, 0x123456}) {
    const Frames frames({code(distance + 1)}, {by_sp(0, 8), by_sp(distance, 16)});
    const Memory stack = {{k_stack, 1}, {k_stack + 8, 2}};
    const auto from = [&](std::uint64_t at) {
      return frames.caller(k_text + at, {{rsp, k_stack}}, stack)[rip];
    };
    EXPECT_EQ(from(distance - 1), 1U) << distance;
    EXPECT_EQ(from(distance), 2U) << distance;
    EXPECT_FALSE(frames.covers(k_text + distance + 1));
  }
}

TEST(FrameTable, WhatLiesOutsideAllFunctionsOrBeforeAllRowsHasNoEntry) {
  const std::vector<CodeRange> functions = {
      {.begin = k_text + 0x10, .end = k_text + 0x20, .name = "one", .bytes = ""},
      {.begin = k_text + 0x20, .end = k_text + 0x30, .name = "two", .bytes = ""},
      {.begin = k_text + 0x40, .end = k_text + 0x50, .name = "three", .bytes = ""}};
  const Frames late(functions, {by_sp(0x18, 8), by_sp(0x100, 16)});
  EXPECT_FALSE(late.covers(k_text + 0x17));
  for (const unsigned at : {0x18U, 0x1fU, 0x20U, 0x2fU, 0x40U, 0x4fU})
    EXPECT_TRUE(late.covers(k_text + at)) << at;
  for (const unsigned at : {0x30U, 0x3fU, 0x50U, 0x100U})
    EXPECT_FALSE(late.covers(k_text + at)) << at;
  const Frames early(functions, {by_sp(0, 8)});
  EXPECT_FALSE(early.covers(k_text + 0xf));
  EXPECT_TRUE(early.covers(k_text + 0x10)) << "a row holds until the next one";
}

TEST(FrameTable, TheRowBeforeAFunctionHoldsAtItsStart) {
  constexpr std::uint64_t k_low = 0x400000;  // far from where addresses begin again
  const Frames frames({{.begin = k_low, .end = k_low + 16, .name = "work", .bytes = ""}},
                      {{k_low - 8, 24, 0, Reg::sp, Reg::undefined, Type::call}});
  EXPECT_EQ(frames.caller(k_low, {{rsp, k_stack}}, {{k_stack + 16, k_from}})[rip], k_from);
}

TEST(FrameTable, NothingToSayIsNoError) {
  EXPECT_FALSE(Frames({}, {}).covers(k_text));
  EXPECT_FALSE(Frames({code(16)}, {}).covers(k_text));
  EXPECT_FALSE(Frames({}, {by_sp(0, 8)}).covers(k_text));
  EXPECT_FALSE(Frames({code(0)}, {by_sp(0, 8)}).covers(k_text));
}

}  // namespace
}  // namespace kobox
