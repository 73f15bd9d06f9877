// SPDX-License-Identifier: GPL-2.0-or-later
// What c_declarations is made of: one declaration's tokens, up to its ';' or its body.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "module/c_declarations.h"
#include "module/c_tokens.h"

namespace kobox {

// The declaration of the name at `at` in these tokens: a function, or a variable. Nothing if the
// name is something else there (a parameter, a struct's tag, a macro that is called).
std::optional<CDeclaration> read_declarator(CTokens tokens, std::size_t at);

// Where the declaration itself begins in the tokens since the last one's end: behind attributes and
// calls of macros that take no ';'.
std::size_t declaration_begin(CTokens tokens, std::size_t name);

// A declaration that begins with "#define".
struct CMacro {
  std::string_view name;
  CDeclaration declaration;
};
std::optional<CMacro> read_macro(std::string_view directive);

// The name of the one function that these tokens do nothing but call, "" if they do more.
std::string only_call(CTokens body);

}  // namespace kobox
