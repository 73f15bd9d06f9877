// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/log_prefix.h"

#include <algorithm>
#include <optional>

namespace kobox {
namespace {

void skip(std::string_view& text, std::string_view set) {
  text.remove_prefix(std::min(text.find_first_not_of(set), text.size()));
}

// The number of characters skipped.
std::size_t skip_digits(std::string_view& text) {
  const auto before = text.size();
  skip(text, "0123456789");
  return before - text.size();
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "[   12.345678]" (kernel/printk/printk.c, print_time): five places, more after a day, and always
// six after the point.
bool take_time(std::string_view& text) {
  auto rest = text;
  if (!take(rest, "[")) return false;
  skip(rest, " ");
  if (skip_digits(rest) == 0 || !take(rest, ".") || skip_digits(rest) != 6 || !take(rest, "]"))
    return false;
  text = rest;
  return true;
}

// "[    T1]", "[   C0]" (print_caller), with a space before it or not.
void take_caller(std::string_view& text) {
  auto rest = text;
  take(rest, " ");
  if (!take(rest, "[")) return;
  skip(rest, " ");
  if (!take(rest, "T") && !take(rest, "C")) return;
  if (skip_digits(rest) == 0 || !take(rest, "]")) return;
  text = rest;
}

void take_level(std::string_view& text) {
  auto rest = text;
  if (take(rest, "<") && skip_digits(rest) != 0 && take(rest, ">")) text = rest;
}

std::optional<std::string_view> message_at(std::string_view text) {
  take_level(text);
  if (!take_time(text)) return {};
  take_caller(text);
  take(text, " ");
  return text;
}

}  // namespace

LogEntry read_log_prefix(std::string_view line) {
  if (const auto message = message_at(line)) return {*message, true};
  for (auto at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    if (const auto message = message_at(line.substr(at))) return {*message, true};
  }
  take_level(line);
  return {line, false};
}

}  // namespace kobox
