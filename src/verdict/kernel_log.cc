// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/kernel_log.h"

#include <charconv>

namespace kobox {
namespace {

constexpr std::size_t k_max_header = 256;      // the kernel's own are below 100
constexpr std::uint64_t k_max_facility = 255;  // an u8 in struct printk_info

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take_comma(std::string_view& text) {
  if (!text.starts_with(',')) return false;
  text.remove_prefix(1);
  return true;
}

// The kernel writes every byte that is not printable, and the backslash itself, as \xNN
// (kernel/printk/printk.c, append_char).
std::string unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    unsigned value = 0;
    if (text.size() >= 4 && text.starts_with("\\x")) {
      const auto* const last = text.data() + 4;
      const auto [end, error] = std::from_chars(text.data() + 2, last, value, 16);
      if (error == std::errc() && end == last) {
        result += static_cast<char>(value);
        text.remove_prefix(4);
        continue;
      }
    }
    result += text.front();
    text.remove_prefix(1);
  }
  return result;
}

}  // namespace

std::optional<KmsgLine> parse_kmsg_record(std::string_view record) {
  const auto semicolon = record.substr(0, k_max_header).find(';');
  if (semicolon == std::string_view::npos) return {};
  auto header = record.substr(0, semicolon);
  auto text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));

  const auto priority = take_number(header);
  if (!priority || *priority >> 3 > k_max_facility || !take_comma(header)) return {};
  const auto sequence = take_number(header);
  if (!sequence || !take_comma(header)) return {};
  const auto microseconds = take_number(header);
  // The flags must be there; what they say ("-", "c", or more fields) does not matter here.
  if (!microseconds || !take_comma(header) || header.empty()) return {};
  return KmsgLine{.sequence = *sequence,
                  .microseconds = *microseconds,
                  .level = static_cast<int>(*priority & 7),
                  .facility = static_cast<int>(*priority >> 3),
                  .text = unescape(text)};
}

}  // namespace kobox
