// SPDX-License-Identifier: GPL-2.0-or-later
// The small languages: times, sizes, kernel selectors and conditions, aliases of modules, and what
// makes text safe to print.
#include "base/text.h"
#include "fuzz_target.h"
#include "kernel/aliases.h"
#include "kernel/selector.h"

using namespace kobox;

FUZZ_TARGET(input) {
  if (const auto duration = parse_duration(input)) REQUIRE(*duration > Duration::zero());
  if (const auto size = parse_size(input)) REQUIRE(*size > 0);
  if (const auto selector = parse_selector(input)) REQUIRE(selector->text == input);
  (void)release_satisfies("6.1.0-56-cloud-amd64", input).has_value();
  (void)release_satisfies(input, ">=6.1 <6.12").has_value();
  const auto half = input.substr(0, input.size() / 2);
  (void)alias_matches(half, input.substr(half.size()));
  REQUIRE(modules_with_alias(input, half).size() <= input.size());
  const auto safe = printable(input);
  for (const char c : safe) REQUIRE(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= ' ');
  REQUIRE(printable(safe) == safe);
}
