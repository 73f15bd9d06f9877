// SPDX-License-Identifier: GPL-2.0-or-later
// A line that gdb writes at --interpreter=mi3, and any bytes as a parameter for it.
#include "base/text.h"
#include "debug/mi.h"
#include "fuzz_target.h"

using namespace kobox;

static void look_at(std::span<const MiField> fields, std::size_t depth) {
  REQUIRE(depth <= k_mi_max_depth);
  for (const auto& [name, value] : fields) {
    if (!value.items().empty()) REQUIRE(value.text().empty());
    look_at(value.items(), depth + 1);
  }
}

FUZZ_TARGET(input) {
  const auto record = parse_mi(input);
  if (!record) {
    REQUIRE(record.error().kind() == ErrorKind::protocol);
    REQUIRE(record.error().message().size() < 500);
    REQUIRE(printable(record.error().message()) == record.error().message());
  } else if (const auto* async = std::get_if<MiAsync>(&*record)) {
    REQUIRE(!async->name.empty());
    look_at(async->results.fields, 0);
  } else if (const auto* result = std::get_if<MiResult>(&*record)) {
    look_at(result->results.fields, 0);
  }

  const auto quoted = "~" + mi_quote(input);
  const auto again = parse_mi(quoted);
  REQUIRE(quoted.size() > k_mi_max_line || std::get<MiStream>(again.value()).text == input);
}
