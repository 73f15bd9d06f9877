// SPDX-License-Identifier: GPL-2.0-or-later
// A record of the guest's /dev/kmsg.
#include "fuzz_target.h"
#include "verdict/kernel_log.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto line = parse_kmsg_record(input);
  if (!line) return;
  REQUIRE(line->level >= 0 && line->level <= 7);
  REQUIRE(line->facility >= 0);
  REQUIRE(line->text.size() <= input.size());
}
