// SPDX-License-Identifier: GPL-2.0-or-later
// Headers of a kernel, which may be the user's own, and the module's sources. The input is a header
// in which things named "f", "s" and "m" are looked for.
#include "fuzz_target.h"
#include "module/c_declarations.h"
#include "module/c_tokens.h"

using namespace kobox;

namespace {

void check(const CDeclaration& one, std::string_view text) {
  REQUIRE(one.line >= 1);
  REQUIRE(one.text.size() <= text.size() + 4);
  REQUIRE(one.same_as(one));
}

}  // namespace

FUZZ_TARGET(input) {
  for (const auto& token : tokens_of(input)) {
    REQUIRE(!token.text.empty());
    REQUIRE(token.offset + token.text.size() <= input.size());
  }
  for (const auto& one : declarations_of(input, "f")) {
    check(one, input);
    (void)macro_like(input, one);
  }
  for (const auto& one : members_of(input, "s", "m")) check(one, input);
  for (const auto& name : member_names(input, "s")) REQUIRE(has_word(input, name));
  for (const auto& name : declared_names(input)) REQUIRE(has_word(input, name));
  const auto tag = struct_of_variable(input, "m", 2);
  REQUIRE(tag.empty() || input.find(tag) != std::string_view::npos);
  (void)struct_initialized_at(input, 2);
}
