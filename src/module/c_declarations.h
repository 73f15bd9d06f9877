// SPDX-License-Identifier: GPL-2.0-or-later
// Declarations in the text of a header, found by name: what a function takes and returns, a
// macro's parameters and body, a member's type. Headers are read as text, in the kernel's style;
// of the branches of an #ifdef all are seen.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kobox {

struct CDeclaration {
  enum class Kind {
    function,
    macro,       // #define X …
    call_macro,  // #define X(…) …
    constant,    // of an enum
    type,        // the definition of a struct, union or enum, or a typedef
    variable,    // or a member of a struct
  };
  Kind kind = Kind::function;
  // Of a function: what it returns. Of a variable or member: its type without its name. Of a macro:
  // its body. Of a type: "struct", "union", "enum" or "typedef".
  std::string type = {};
  // Of a function and of a variable that points to one: the types; of a call_macro: the names.
  // "..." where it takes more.
  std::optional<std::vector<std::string>> parameters = {};
  std::string calls =
      {};        // the one function that an inline function or a macro does nothing but call
  int line = 0;  // 1-based
  std::string text = {};  // its lines, six at most, without common indentation

  bool variadic() const {
    return parameters && !parameters->empty() && parameters->back() == "...";
  }
  // Do both say the same to those who use it? Names of a function's parameters and attributes do
  // not count.
  bool same_as(const CDeclaration& other) const;
};

// All of that name at the top level of the text, in its order. A struct that is only mentioned
// ("struct x;", "struct x *f(void)") does not count.
std::vector<CDeclaration> declarations_of(std::string_view text, std::string_view name);

// The members of that name in the definition of `struct tag` or `union tag`, those of structs
// without a name in it included.
std::vector<CDeclaration> members_of(std::string_view text, std::string_view tag,
                                     std::string_view member);
// The names of all of them, in order.
std::vector<std::string> member_names(std::string_view text, std::string_view tag);

// The macro of another name with this one's parameters and body; "" if there is none.
std::string macro_like(std::string_view text, const CDeclaration& macro);

// The names of the functions, structs, unions and enums that the text itself declares or defines.
std::vector<std::string> declared_names(std::string_view text);

// Of a variable or parameter in a source file that has the type struct TAG or a pointer to it: the
// tag. The last declaration up to this 1-based line counts, else the first behind it; "" if there
// is none.
std::string struct_of_variable(std::string_view text, std::string_view variable, int line);

// The tag of the struct or union whose initializer ("static struct T x = {") holds this 1-based
// line; "" if none does.
std::string struct_initialized_at(std::string_view text, int line);

}  // namespace kobox
