// SPDX-License-Identifier: GPL-2.0-or-later
// A guest's description of its events, and records read by it. The input's first byte says how much
// of it is a record.
#include "fuzz_target.h"
#include "trace/event_format.h"

using namespace kobox;

FUZZ_TARGET(input) {
  if (input.empty()) return;
  const auto record = input.substr(1, static_cast<unsigned char>(input[0]));
  const auto format = parse_event_format(input.substr(1 + record.size()));
  if (!format) {
    REQUIRE(format.error().kind() == ErrorKind::protocol);
    return;
  }
  REQUIRE(format->id != 0 && !format->name.empty());
  for (const auto& [name, field] : format->fields) {
    const auto value = field.of(record);
    REQUIRE(value == 0 || (field.size <= 8 && field.offset + field.size <= record.size()));
  }
}
