// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/trace_line.h"

#include <algorithm>
#include <charconv>

namespace kobox {
namespace {

constexpr std::size_t k_max_symbol = 512;  // KSYM_NAME_LEN, include/linux/kallsyms.h

bool is_symbol_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '.' || c == '$';
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void skip_spaces(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::optional<std::uint64_t> take_hex(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// " [qemu_exercise]"; with STACKTRACE_BUILD_ID also " [qemu_exercise 0123abcd]" (%pBb,
// kernel/kallsyms.c), and some vendors' kernels add the taint: " [qemu_exercise(OE)]".
std::string take_module(std::string_view& text) {
  auto rest = text;
  if (!take(rest, " [")) return {};
  const auto end = rest.substr(0, 2 * k_max_symbol).find(']');
  if (end == std::string_view::npos) return {};
  const auto name = rest.substr(0, std::min(rest.substr(0, end).find_first_of(" ("), end));
  if (name.empty() || name.size() > k_max_symbol) return {};
  if (!std::ranges::all_of(name, [](char c) { return is_symbol_char(c) || c == '-'; })) return {};
  text = rest.substr(end + 1);
  return std::string(name);
}

// A frame at the start of text, which is left after it.
std::optional<TraceFrame> take_frame(std::string_view& text) {
  auto rest = text;
  const auto length =
      static_cast<std::size_t>(std::ranges::find_if_not(rest, is_symbol_char) - rest.begin());
  if (length == 0 || length > k_max_symbol) return {};
  TraceFrame frame{.function = std::string(rest.substr(0, length))};
  rest.remove_prefix(length);
  if (!take(rest, "+0x")) return {};
  const auto offset = take_hex(rest);
  if (!offset || !take(rest, "/0x")) return {};
  const auto size = take_hex(rest);
  if (!size) return {};
  frame.offset = *offset;
  frame.size = *size;
  frame.module = take_module(rest);
  text = rest;
  return frame;
}

// "[<ffffffffc0000012>] "
void skip_address(std::string_view& text) {
  auto rest = text;
  if (!take(rest, "[<") || !take_hex(rest) || !take(rest, ">]")) return;
  skip_spaces(rest);
  text = rest;
}

// The first so many symbols with an offset; 0: all.
std::vector<PlacedFrame> search(std::string_view line, std::size_t max) {
  std::vector<PlacedFrame> found;
  std::size_t floor = 0;  // nothing before it belongs to a later symbol, so each byte is read once
  for (auto plus = line.find("+0x"); plus != std::string_view::npos;
       plus = line.find("+0x", plus + 1)) {
    auto start = plus;
    while (start > floor && is_symbol_char(line[start - 1])) --start;
    floor = plus + 1;
    auto rest = line.substr(start);
    if (auto frame = take_frame(rest)) {
      found.push_back({std::move(*frame), line.size() - rest.size()});
      if (found.size() == max) break;
    }
  }
  return found;
}

}  // namespace

std::optional<TraceFrame> parse_trace_line(std::string_view line) {
  skip_spaces(line);
  skip_address(line);
  const bool reliable = !take(line, "? ");
  auto frame = take_frame(line);
  if (!frame) return {};
  skip_spaces(line);
  // arm64 says where a frame came from: "(P)", "(PL)" (arch/arm64/kernel/stacktrace.c).
  if (!line.empty() && !(line.front() == '(' && line.size() <= 8)) return {};
  frame->reliable = reliable;
  return frame;
}

std::optional<TraceFrame> parse_rip_line(std::string_view line) {
  skip_spaces(line);
  if (!take(line, "RIP: ")) return {};
  const auto segment = take_hex(line);
  // The lowest two bits of the code segment are the privilege: 0 is the kernel.
  if (!segment || (*segment & 3) != 0 || !take(line, ":")) return {};
  skip_spaces(line);
  skip_address(line);
  return take_frame(line);
}

std::vector<PlacedFrame> find_frames(std::string_view line) { return search(line, 0); }

std::optional<TraceFrame> find_frame(std::string_view line) {
  auto found = search(line, 1);
  if (found.empty()) return {};
  return std::move(found.front().frame);
}

}  // namespace kobox
