// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/event_format.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace kobox {
namespace {

constexpr unsigned k_max_record = 65536;

// The number behind `key` in "offset:8;	size:2;".
std::optional<unsigned> number_behind(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  unsigned value = 0;
  const auto* begin = line.data() + at + key.size();
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
  if (error != std::errc() || end == begin || value > k_max_record) return std::nullopt;
  return value;
}

// "field:unsigned long args[6];…" → "args"
std::string_view name_in(std::string_view declaration) {
  declaration = declaration.substr(0, declaration.find('['));
  while (declaration.ends_with(' ')) declaration.remove_suffix(1);
  return declaration.substr(declaration.find_last_of(" *") + 1);
}

}  // namespace

Result<EventFormat> parse_event_format(std::string_view text) {
  EventFormat format;
  for (const auto& line : lines_of(text)) {
    const auto words = trim(line);
    if (words.starts_with("name:")) format.name = trim(words.substr(5));
    if (words.starts_with("ID: ")) format.id = number_behind(words, "ID: ").value_or(0);
    if (!words.starts_with("field:")) continue;
    const auto end = words.find(';');
    const auto offset = number_behind(words, "offset:");
    const auto size = number_behind(words, "size:");
    if (end == std::string_view::npos || !offset || !size)
      return fail(ErrorKind::protocol, "an event's field without its place: {}", printable(words));
    format.fields.insert_or_assign(std::string(name_in(words.substr(6, end - 6))),
                                   EventField{*offset, *size});
  }
  if (format.name.empty() || format.id == 0)
    return fail(ErrorKind::protocol, "an event's format without its name or ID");
  return format;
}

}  // namespace kobox
