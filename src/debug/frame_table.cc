// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/frame_table.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>

namespace kobox {
namespace {

// DWARF 5, section 7.24, by its own names.
// NOLINTBEGIN(readability-identifier-naming)
enum : std::uint8_t {
  DW_CFA_advance_loc = 0x40,  // + delta
  DW_CFA_offset = 0x80,       // + register
  DW_CFA_advance_loc2 = 0x03,
  DW_CFA_advance_loc4 = 0x04,
  DW_CFA_offset_extended_sf = 0x11,
  DW_CFA_undefined = 0x07,
  DW_CFA_same_value = 0x08,
  DW_CFA_def_cfa_expression = 0x0f,
  DW_CFA_expression = 0x10,
  DW_CFA_def_cfa_sf = 0x12,
  DW_CFA_def_cfa = 0x0c,
  DW_CFA_val_expression = 0x16,
  DW_OP_deref = 0x06,
  DW_OP_consts = 0x11,
  DW_OP_dup = 0x12,
  DW_OP_drop = 0x13,
  DW_OP_and = 0x1a,
  DW_OP_plus = 0x22,
  DW_OP_plus_uconst = 0x23,
  DW_OP_bra = 0x28,
  DW_OP_skip = 0x2f,
  DW_OP_lit0 = 0x30,
  DW_OP_lit3 = 0x33,
  DW_OP_breg0 = 0x70,
};
// NOLINTEND(readability-identifier-naming)

// Register numbers of the System V ABI for x86-64, figure 3.36.
enum : std::uint8_t {
  k_rax = 0,
  k_rdx = 1,
  k_rbx = 3,
  k_rdi = 5,
  k_rbp = 6,
  k_rsp = 7,
  k_r10 = 10,
  k_r12 = 12,
  k_r13 = 13,
  k_r14 = 14,
  k_r15 = 15,
  k_return = 16
};

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

void uleb(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void sleb(std::string& out, std::int64_t value) {
  for (; value < -64 || value > 63; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value & 0x7f);
}

// A register saved at CFA + offset; the data alignment factor is -8.
void saved_at(std::string& out, std::uint8_t reg, int offset) {
  if (offset <= 0) {
    out += static_cast<char>(DW_CFA_offset | reg);
    uleb(out, static_cast<std::uint64_t>(-offset / 8));
    return;
  }
  out += static_cast<char>(DW_CFA_offset_extended_sf);
  uleb(out, reg);
  sleb(out, -offset / 8);
}

// What a row says, apart from where the frame lies; each has a CIE of its own.
enum class Shape {
  call,
  switches_stack,  // a call whose caller's stack is another one
  regs,
  regs_partial,
  end,
};
constexpr std::size_t k_shapes = 5;

// The instruction pointer in a struct pt_regs or an interrupt's frame at the CFA, or 0, where GDB
// stops, if it is user space's: what the processor does not run now cannot be unwound from here.
void interrupted_ip(std::string& out, int ip, int cs) {
  std::string code;
  const auto op = [&](int byte) { code += static_cast<char>(byte); };
  op(DW_OP_dup), op(DW_OP_plus_uconst), uleb(code, static_cast<std::uint64_t>(cs));
  op(DW_OP_deref), op(DW_OP_lit3), op(DW_OP_and);
  std::string kernel;
  kernel += static_cast<char>(DW_OP_plus_uconst);
  uleb(kernel, static_cast<std::uint64_t>(ip));
  kernel += static_cast<char>(DW_OP_deref);
  op(DW_OP_bra), put(code, kernel.size() + 3, 2);
  code += kernel;
  op(DW_OP_skip), put(code, 2, 2);
  op(DW_OP_drop), op(DW_OP_lit0);
  out += static_cast<char>(DW_CFA_val_expression);
  uleb(out, k_return);
  uleb(out, code.size());
  out += code;
}

// Where the registers are in a struct pt_regs (arch/x86/include/asm/ptrace.h), by DWARF number.
std::string rules_of_pt_regs() {
  constexpr std::array<std::uint8_t, 15> k_order = {15, 14, 13, 12, 6, 3, 11, 10,
                                                    9,  8,  0,  2,  1, 4, 5};
  std::string out;
  int offset = 0;
  for (const auto reg : k_order) saved_at(out, reg, 8 * offset++);
  interrupted_ip(out, 128, 136);
  saved_at(out, k_rsp, 152);
  return out;
}

std::string initial_rules(Shape shape) {
  std::string out;
  out += static_cast<char>(DW_CFA_def_cfa);
  uleb(out, k_rsp);
  uleb(out, 8);
  if (shape == Shape::regs) return out + rules_of_pt_regs();
  if (shape == Shape::end) {
    out += static_cast<char>(DW_CFA_undefined);
    uleb(out, k_return);
    return out;
  }
  if (shape == Shape::regs_partial) {
    interrupted_ip(out, 0, 8);
    saved_at(out, k_rsp, 24);
  } else {
    saved_at(out, k_return, -8);
  }
  for (const auto reg : {k_rbx, k_rbp, k_r12, k_r13, k_r14, k_r15}) {
    out += static_cast<char>(DW_CFA_same_value);
    uleb(out, reg);
  }
  return out;
}

void pad(std::string& out, std::size_t from) {
  while ((out.size() - from) % 8 != 0) out += '\0';  // DW_CFA_nop
}

void append_block(std::string& out, const std::string& body) {
  std::string padded(4, '\0');
  padded += body;
  pad(padded, 0);
  put(out, padded.size() - 4, 4);
  out.append(padded, 4);
}

// "S" marks a frame that was interrupted, not called: its address is no return address, and the
// frame above it may lie on another stack, anywhere (GDB takes it for a signal trampoline's).
void append_cie(std::string& out, Shape shape) {
  std::string body;
  put(body, 0xffffffff, 4);
  body += '\3';  // version
  if (shape != Shape::call && shape != Shape::end) body += 'S';
  body += '\0';
  uleb(body, 1);
  sleb(body, -8);
  uleb(body, k_return);
  append_block(out, body + initial_rules(shape));
}

std::optional<std::uint8_t> dwarf_register(OrcRow::Reg reg) {
  using enum OrcRow::Reg;
  switch (reg) {
    case ax:
      return k_rax;
    case dx:
      return k_rdx;
    case di:
      return k_rdi;
    case bp:
      return k_rbp;
    case sp:
      return k_rsp;
    case r10:
      return k_r10;
    case r13:
      return k_r13;
    default:
      return std::nullopt;
  }
}

std::string cfa_rule(const OrcRow& row) {
  std::string out;
  if (const auto reg = dwarf_register(row.sp_reg)) {
    const bool factored = row.sp_offset < 0;
    out += static_cast<char>(factored ? DW_CFA_def_cfa_sf : DW_CFA_def_cfa);
    uleb(out, *reg);
    factored ? sleb(out, -row.sp_offset / 8) : uleb(out, static_cast<std::uint64_t>(row.sp_offset));
    return out;
  }
  // *(bp + offset), or *sp + offset.
  const bool by_bp = row.sp_reg == OrcRow::Reg::bp_indirect;
  std::string code(1, static_cast<char>(DW_OP_breg0 + int{by_bp ? k_rbp : k_rsp}));
  sleb(code, by_bp ? row.sp_offset : 0);
  code += static_cast<char>(DW_OP_deref);
  if (!by_bp) {
    code += static_cast<char>(DW_OP_consts);
    sleb(code, row.sp_offset);
    code += static_cast<char>(DW_OP_plus);
  }
  out += static_cast<char>(DW_CFA_def_cfa_expression);
  uleb(out, code.size());
  return out + code;
}

// Where the caller's rbp is: at CFA + offset, at rbp + offset (a function that aligns its stack),
// or still in rbp.
std::string bp_rule(const OrcRow& row) {
  std::string out;
  if (row.bp_reg == OrcRow::Reg::prev_sp) {
    saved_at(out, k_rbp, row.bp_offset);
  } else if (row.bp_reg == OrcRow::Reg::bp) {
    std::string code(1, static_cast<char>(DW_OP_breg0 + int{k_rbp}));
    sleb(code, row.bp_offset);
    uleb(out += static_cast<char>(DW_CFA_expression), k_rbp);
    uleb(out, code.size());
    out += code;
  } else {
    uleb(out += static_cast<char>(DW_CFA_same_value), k_rbp);
  }
  return out;
}

// Which register a function has pushed, by the depth of the stack after the push.
using Pushes = std::map<int, std::uint8_t>;

// The register of the push instruction that ends `code` (Intel's manual: 50+r, with 41 before it
// for r8 to r15), if a function must preserve it.
std::optional<std::uint8_t> pushed(std::string_view code) {
  if (code.empty()) return std::nullopt;
  const auto last = static_cast<std::uint8_t>(code.back());
  const bool extended = code.size() > 1 && static_cast<std::uint8_t>(code[code.size() - 2]) == 0x41;
  if (extended && last >= 0x54 && last <= 0x57)
    return static_cast<std::uint8_t>(last - 0x54 + k_r12);
  if (!extended && last == 0x53) return k_rbx;
  return std::nullopt;
}

Pushes find_pushes(const CodeRange& function, std::span<const OrcRow> rows) {
  Pushes found;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& before = rows[i - 1];
    const auto& row = rows[i];
    if (before.type != OrcRow::Type::call || row.type != OrcRow::Type::call ||
        before.sp_reg != OrcRow::Reg::sp || row.sp_reg != OrcRow::Reg::sp ||
        row.sp_offset != before.sp_offset + 8 || row.ip <= function.begin)
      continue;
    const auto length = row.ip - function.begin;
    if (length > function.bytes.size()) continue;
    const auto reg = pushed(function.bytes.substr(0, length));
    if (!reg) continue;
    const auto [slot, fresh] = found.emplace(row.sp_offset, *reg);
    if (!fresh && slot->second != *reg) slot->second = 0;  // two prologues that disagree
  }
  std::erase_if(found, [](const auto& slot) { return slot.second == 0; });
  return found;
}

// Writes a function's entries.
class FunctionWriter {
 public:
  FunctionWriter(std::string& out, const std::array<std::uint32_t, k_shapes>& cies,
                 const CodeRange& function, std::span<const OrcRow> rows)
      : out_(out),
        cies_(cies),
        function_(function),
        rows_(rows),
        pushes_(find_pushes(function, rows)) {
    switches_ = std::ranges::any_of(rows, [](const OrcRow& row) {
      return row.type == OrcRow::Type::call &&
             (row.sp_reg == OrcRow::Reg::sp_indirect || row.sp_reg == OrcRow::Reg::bp_indirect);
    });
  }

  void write() {
    std::size_t first = 0;
    for (std::size_t i = 1; i <= rows_.size(); ++i) {
      if (i < rows_.size() && shape_of(rows_[i]) == shape_of(rows_[first])) continue;
      const auto end = i < rows_.size() ? rows_[i].ip : function_.end;
      entry(rows_.subspan(first, i - first), end);
      first = i;
    }
  }

 private:
  Shape shape_of(const OrcRow& row) const {
    switch (row.type) {
      case OrcRow::Type::call:
        return switches_ ? Shape::switches_stack : Shape::call;
      case OrcRow::Type::regs:
        // What came here by a system call came from user space.
        return function_.name.starts_with("entry_SYS") ? Shape::end : Shape::regs;
      case OrcRow::Type::regs_partial:
        return Shape::regs_partial;
      case OrcRow::Type::end:
        break;
    }
    return Shape::end;
  }

  void entry(std::span<const OrcRow> rows, std::uint64_t end) {
    const auto begin = std::max(rows.front().ip, function_.begin);
    if (begin >= end) return;
    const auto shape = shape_of(rows.front());
    std::string body;
    put(body, cies_[static_cast<std::size_t>(shape)], 4);
    put(body, begin, 8);
    put(body, end - begin, 8);
    std::string rules;
    std::vector<std::string> known;
    auto at = begin;
    for (const auto& row : rows) {
      auto now = shape == Shape::end ? std::vector<std::string>() : rules_of(row, shape);
      if (now == known) continue;
      advance(rules, std::max(row.ip, begin) - at);
      at = std::max(row.ip, begin);
      for (std::size_t i = 0; i < now.size(); ++i)
        if (known.empty() || now[i] != known[i]) rules += now[i];
      known = std::move(now);
    }
    append_block(out_, body + rules);
  }

  // The row's rules: the frame's, rbp's, and those of the registers that are pushed; for each row
  // of a function in the same order.
  std::vector<std::string> rules_of(const OrcRow& row, Shape shape) const {
    std::vector<std::string> rules = {cfa_rule(row)};
    if (shape == Shape::regs || shape == Shape::regs_partial) return rules;
    rules.push_back(bp_rule(row));
    for (const auto& [depth, reg] : pushes_) {
      auto& rule = rules.emplace_back();
      if (row.sp_reg != OrcRow::Reg::sp || row.sp_offset >= depth)
        saved_at(rule, reg, -depth);
      else
        uleb(rule += static_cast<char>(DW_CFA_same_value), reg);
    }
    return rules;
  }

  static void advance(std::string& rules, std::uint64_t bytes) {
    if (bytes == 0) return;
    if (bytes < 0x40) {
      rules += static_cast<char>(DW_CFA_advance_loc | bytes);
    } else if (bytes <= 0xffff) {
      rules += static_cast<char>(DW_CFA_advance_loc2);
      put(rules, bytes, 2);
    } else {
      rules += static_cast<char>(DW_CFA_advance_loc4);
      put(rules, bytes, 4);
    }
  }

  std::string& out_;
  const std::array<std::uint32_t, k_shapes>& cies_;
  const CodeRange& function_;
  std::span<const OrcRow> rows_;
  Pushes pushes_;
  bool switches_ = false;
};

}  // namespace

std::string make_debug_frame(std::span<const CodeRange> functions, std::span<const OrcRow> rows) {
  std::string out;
  std::array<std::uint32_t, k_shapes> cies = {};
  for (std::size_t i = 0; i < k_shapes; ++i) {
    cies[i] = static_cast<std::uint32_t>(out.size());
    append_cie(out, static_cast<Shape>(i));
  }
  auto row = rows.begin();
  for (const auto& function : functions) {
    while (row != rows.end() && std::next(row) != rows.end() &&
           std::next(row)->ip <= function.begin)
      ++row;
    auto last = row;
    while (last != rows.end() && last->ip < function.end) ++last;
    if (row != last) FunctionWriter(out, cies, function, std::span(row, last)).write();
  }
  return out;
}

}  // namespace kobox
