// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel's unwind tables, and the call-frame information that is made of them. The input's first
// byte chooses the layout, its second says how many rows follow; behind them stands code.
#include <algorithm>
#include <cstring>

#include "debug/frame_table.h"
#include "fuzz_target.h"

using namespace kobox;

template <class T>
static T number_at(std::string_view bytes, std::size_t place) {
  T value;
  REQUIRE(place + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

// One function from every second row to the next but one, with a gap now and then.
static std::vector<CodeRange> functions_of(const std::vector<OrcRow>& rows, std::string_view code) {
  std::vector<CodeRange> functions;
  for (std::size_t i = 0; i < rows.size(); i += 2) {
    const auto next = i + 2 < rows.size() ? rows[i + 2].ip : rows[i].ip + 64;
    functions.push_back({.begin = rows[i].ip + i % 3,
                         .end = next - i % 5,
                         .name = i % 7 == 0 ? "entry_SYSCALL_64" : "work",
                         .bytes = code});
  }
  return functions;
}

// Five CIEs and any number of FDEs fill the section; each FDE lies in a function.
static void check_section(std::string_view section, const std::vector<CodeRange>& functions) {
  std::size_t cies = 0;
  for (std::size_t at = 0; at < section.size();) {
    const auto length = number_at<std::uint32_t>(section, at);
    REQUIRE(length % 8 == 4 && length <= section.size() - at - 4);
    const auto id = number_at<std::uint32_t>(section, at + 4);
    if (id == 0xffffffff) {
      ++cies;
    } else {
      REQUIRE(number_at<std::uint32_t>(section, id + 4) == 0xffffffff);
      const auto begin = number_at<std::uint64_t>(section, at + 8);
      const auto size = number_at<std::uint64_t>(section, at + 16);
      REQUIRE(size > 0 && std::ranges::any_of(functions, [&](const CodeRange& one) {
                return begin >= one.begin && begin < one.end && size <= one.end - begin;
              }));
    }
    at += 4 + length;
  }
  REQUIRE(cies == 5);
}

FUZZ_TARGET(input) {
  if (input.size() < 2) return;
  const auto layout = (input[0] & 1) == 0   ? OrcLayout::until_6_2
                      : (input[0] & 4) == 0 ? OrcLayout::since_6_4
                                            : OrcLayout::since_7_1;
  const std::size_t count = static_cast<unsigned char>(input[1]);
  const auto ips = input.substr(2, 4 * count);
  auto entries = input.substr(2 + ips.size());
  if ((input[0] & 2) == 0) entries = entries.substr(0, 6 * count);
  const auto code = input.substr(2 + ips.size() + std::min(entries.size(), 6 * count));
  const auto rows = parse_orc(ips, 0xffffffff82000000, entries, layout);
  if (!rows) {
    REQUIRE(rows.error().kind() == ErrorKind::environment);
    return;
  }
  REQUIRE(rows->size() == ips.size() / 4 && std::ranges::is_sorted(*rows, {}, &OrcRow::ip));
  const auto functions = functions_of(*rows, code);
  check_section(make_debug_frame(functions, *rows), functions);
}
