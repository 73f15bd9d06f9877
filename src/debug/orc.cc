// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/orc.h"

#include <array>
#include <cstring>

namespace kobox {
namespace {

constexpr std::size_t k_entry_bytes = 6;

template <class T>
T number_at(std::string_view bytes, std::size_t place) {
  T value;
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

// A number that the kernel does not define becomes `undefined`.
OrcRow::Reg register_of(unsigned number, OrcLayout layout) {
  using enum OrcRow::Reg;
  constexpr std::array k_until_7_0 = {undefined, prev_sp, dx,  di,          bp,
                                      sp,        r10,     r13, bp_indirect, sp_indirect};
  constexpr std::array k_since_7_1 = {undefined, ax,  dx,      sp,          bp,         di,
                                      r10,       r13, prev_sp, sp_indirect, bp_indirect};
  if (layout == OrcLayout::since_7_1)
    return number < k_since_7_1.size() ? k_since_7_1[number] : undefined;
  return number < k_until_7_0.size() ? k_until_7_0[number] : undefined;
}

OrcRow::Type type_of(std::uint16_t flags, OrcLayout layout) {
  using enum OrcRow::Type;
  if (layout != OrcLayout::until_6_2) {
    switch ((flags >> 8) & 7) {
      case 2:
        return call;
      case 3:
        return regs;
      case 4:
        return regs_partial;
      default:
        return end;
    }
  }
  if ((flags & 0x400) != 0) return end;
  switch ((flags >> 8) & 3) {
    case 0:
      return call;
    case 1:
      return regs;
    case 2:
      return regs_partial;
    default:
      return end;
  }
}

}  // namespace

Result<std::vector<OrcRow>> parse_orc(std::string_view ips, std::uint64_t ip_address,
                                      std::string_view entries, OrcLayout layout) {
  const auto count = ips.size() / 4;
  if (ips.size() % 4 != 0 || entries.size() != count * k_entry_bytes)
    return fail(ErrorKind::environment,
                "the kernel's unwind tables do not fit each other: {} bytes of .orc_unwind_ip, {} "
                "of .orc_unwind",
                ips.size(), entries.size());
  std::vector<OrcRow> rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto& row = rows[i];
    const auto offset = static_cast<std::int64_t>(number_at<std::int32_t>(ips, 4 * i));
    row.ip = ip_address + 4 * i + static_cast<std::uint64_t>(offset);
    if (i > 0 && row.ip < rows[i - 1].ip)
      return fail(ErrorKind::environment, "the kernel's unwind table is not sorted");
    const auto entry = i * k_entry_bytes;
    row.sp_offset = number_at<std::int16_t>(entries, entry);
    row.bp_offset = number_at<std::int16_t>(entries, entry + 2);
    const auto flags = number_at<std::uint16_t>(entries, entry + 4);
    row.sp_reg = register_of(flags & 15, layout);
    row.bp_reg = register_of((flags >> 4) & 15, layout);
    row.type = type_of(flags, layout);
    if (row.sp_reg == OrcRow::Reg::undefined) row.type = OrcRow::Type::end;
  }
  return rows;
}

std::optional<OrcLayout> orc_layout(const ElfImage& vmlinux) {
  // The hashes that scripts/orc_hash.sh makes of the kernels' arch/x86/include/asm/orc_types.h.
  constexpr std::string_view k_since_6_4(
      "\xfe\x5d\x32\xbf\x58\x1b\xd6\x3b\x2c\xa9\xa5\xc6\x5b\xa5\xa6\x25\xea\xb3\xfe\x24", 20);
  constexpr std::string_view k_since_7_1(
      "\x13\x7c\x36\xad\x76\x27\xc4\xdd\x55\x93\x21\x76\xbb\x0e\xcd\xbd\x50\x41\xfc\x82", 20);
  const auto* header = vmlinux.find(".orc_header");
  if (header != nullptr) {
    if (header->bytes == k_since_6_4) return OrcLayout::since_6_4;
    if (header->bytes == k_since_7_1) return OrcLayout::since_7_1;
    return std::nullopt;
  }
  // 6.3 has a layout of its own, and the first releases of 6.4 had no header yet.
  const auto* rodata = vmlinux.find(".rodata");
  for (const auto* version : {"Linux version 6.3.", "Linux version 6.4."})
    if (rodata != nullptr && rodata->bytes.find(version) != std::string_view::npos)
      return std::nullopt;
  return OrcLayout::until_6_2;
}

Result<std::vector<OrcRow>> read_orc(const ElfImage& vmlinux) {
  const auto* ips = vmlinux.find(".orc_unwind_ip");
  const auto* entries = vmlinux.find(".orc_unwind");
  const auto layout = orc_layout(vmlinux);
  if (ips == nullptr || entries == nullptr || !layout) return std::vector<OrcRow>();
  return parse_orc(ips->bytes, ips->address, entries->bytes, *layout);
}

}  // namespace kobox
