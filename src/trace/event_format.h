// SPDX-License-Identifier: GPL-2.0-or-later
// Where the fields of a tracepoint's records are: tracefs' events/SYSTEM/EVENT/format
// (Documentation/trace/events.rst, "Event formats").
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kobox {

struct EventField {
  unsigned offset = 0;
  unsigned size = 0;  // bytes; 0: there is no such field

  // As an unsigned number of up to 8 bytes; 0 where the record is too short for it.
  std::uint64_t of(std::string_view record) const {
    std::uint64_t number = 0;
    if (size <= sizeof number && record.size() >= size && offset <= record.size() - size)
      std::memcpy(&number, record.data() + offset, size);
    return number;
  }
};

struct EventFormat {
  std::string name;
  unsigned id = 0;
  std::map<std::string, EventField, std::less<>> fields;

  EventField field(std::string_view wanted) const {
    const auto found = fields.find(wanted);
    return found == fields.end() ? EventField{} : found->second;
  }
};

// ErrorKind::protocol for what is not such a file.
Result<EventFormat> parse_event_format(std::string_view text);

// Which event a record is of: its common_type, which every record begins with.
inline unsigned event_id(std::string_view record) {
  return static_cast<unsigned>(EventField{0, 2}.of(record));
}
// Whose it is: common_pid.
inline unsigned event_pid(std::string_view record) {
  return static_cast<unsigned>(EventField{4, 4}.of(record));
}

}  // namespace kobox
