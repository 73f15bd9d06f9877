// SPDX-License-Identifier: GPL-2.0-or-later
// What make and the compiler print, which the user's own sources and Makefile write.
#include "fuzz_target.h"
#include "module/compiler_output.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto failure = first_error(input, kobox::SeenPaths("/cache/builds/0123/src"));
  REQUIRE(failure.line >= 0);
  (void)host_fault(input).has_value();
}
