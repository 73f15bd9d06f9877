// SPDX-License-Identifier: GPL-2.0-or-later
// The text of a guest kernel's trace.
#include "fuzz_target.h"
#include "guest/init_trace.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto trace = parse_init_trace(input);
  REQUIRE(trace.anchors.size() <= 64);
  REQUIRE(trace.events.size() <= 4096);
  for (const auto& event : trace.events) REQUIRE(event.index <= 100'000);
}
