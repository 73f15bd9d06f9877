// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/orc.h"

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

OrcRow::Type type_of(std::uint16_t flags, OrcLayout layout) {
  using enum OrcRow::Type;
  if (layout == OrcLayout::since_6_4) {
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
    row.sp_reg = static_cast<OrcRow::Reg>(flags & 15);
    row.bp_reg = static_cast<OrcRow::Reg>((flags >> 4) & 15);
    row.type = type_of(flags, layout);
    if (row.sp_reg == OrcRow::Reg::undefined) row.type = OrcRow::Type::end;
  }
  return rows;
}

Result<std::vector<OrcRow>> read_orc(const ElfImage& vmlinux) {
  const auto* ips = vmlinux.find(".orc_unwind_ip");
  const auto* entries = vmlinux.find(".orc_unwind");
  if (ips == nullptr || entries == nullptr) return std::vector<OrcRow>();
  return parse_orc(
      ips->bytes, ips->address, entries->bytes,
      vmlinux.find(".orc_header") != nullptr ? OrcLayout::since_6_4 : OrcLayout::until_6_3);
}

}  // namespace kobox
