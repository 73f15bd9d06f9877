// SPDX-License-Identifier: GPL-2.0-or-later
// What make and the compiler print, which the user's own sources and Makefile write.
#include "fuzz_target.h"
#include "module/compiler_output.h"
#include "module/symbol_origin.h"

using namespace kobox;

FUZZ_TARGET(input) {
  const auto failure = first_error(input, kobox::SeenPaths("/cache/builds/0123/src"));
  REQUIRE(failure.line >= 0);
  (void)host_fault(input).has_value();
  (void)missing_in_root(input);
  for (const auto& warning : tool_warnings(input, kobox::SeenPaths("/cache/builds/0123/src")))
    REQUIRE(warning.find('\n') == std::string::npos);
  const auto symbol = missing_symbol(failure.message);
  REQUIRE(symbol.empty() || failure.message.find(symbol) != std::string::npos);
  REQUIRE(!exports_symbol(input, "foo") || input.find("foo") != std::string_view::npos);
}
