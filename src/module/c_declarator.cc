// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/c_declarator.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace kobox {
namespace {

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_qualifier(std::string_view word) {
  constexpr std::array<std::string_view, 5> k_words = {"const", "volatile", "restrict",
                                                       "__restrict", "__restrict__"};
  return is_one_of(word, k_words);
}

bool is_tag_keyword(std::string_view word) {
  return word == "struct" || word == "union" || word == "enum";
}

bool is_basic_type(std::string_view word) {
  constexpr std::array<std::string_view, 9> k_words = {
      "void", "char", "short", "int", "long", "float", "double", "unsigned", "signed"};
  return is_one_of(word, k_words);
}

// Storage classes and attributes, which do not change what a caller has to give. Of the words that
// begin with two underscores only types (__u32, __le16, __poll_t, __wsum, __sum16) say something.
bool is_decoration(std::string_view word) {
  constexpr std::array<std::string_view, 10> k_words = {
      "extern",   "static",     "inline",   "register", "typedef",
      "noinline", "asmlinkage", "noreturn", "notrace",  "fastcall"};
  if (is_one_of(word, k_words)) return true;
  if (!word.starts_with("__") || is_qualifier(word)) return false;
  constexpr std::array<std::string_view, 2> k_sums = {"__wsum", "__sum16"};
  const bool is_type = word.ends_with("_t") || is_one_of(word, k_sums) ||
                       (word.find_last_of("0123456789") == word.size() - 1 && word.size() <= 6);
  return !is_type;
}

// Without decorations, and without what stands in brackets behind one.
std::vector<CToken> plain(CTokens tokens) {
  std::vector<CToken> kept;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == CToken::Kind::directive) continue;
    if (tokens[i].kind == CToken::Kind::word && is_decoration(tokens[i].text)) {
      if (i + 1 < tokens.size() && tokens[i + 1].is("(")) i = closing(tokens, i + 1);
      continue;
    }
    kept.push_back(tokens[i]);
  }
  return kept;
}

std::vector<CTokens> split_at_commas(CTokens tokens) {
  std::vector<CTokens> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is("(") || tokens[i].is("[") || tokens[i].is("{")) {
      i = closing(tokens, i);
    } else if (tokens[i].is(",")) {
      parts.push_back(tokens.subspan(begin, i - begin));
      begin = i + 1;
    }
  }
  if (begin < tokens.size()) parts.push_back(tokens.subspan(begin));
  return parts;
}

// "( * name" or "( * const name" that points to a function: where the bracket is.
std::optional<std::size_t> pointer_bracket(CTokens tokens, std::size_t name) {
  auto i = name;
  while (i > 0 && tokens[i - 1].kind == CToken::Kind::word) --i;
  bool star = false;
  for (; i > 0 && tokens[i - 1].is("*"); --i) star = true;
  if (!star || i == 0 || !tokens[i - 1].is("(")) return std::nullopt;
  const auto close = closing(tokens, i - 1);
  if (close + 1 >= tokens.size() || !tokens[close + 1].is("(")) return std::nullopt;
  return i - 1;
}

std::string parameter_type(CTokens tokens);

std::vector<std::string> parameters_in(CTokens inside) {
  const auto kept = plain(inside);
  if (kept.size() == 1 && kept.front().is("void")) return {};
  std::vector<std::string> types;
  for (const auto part : split_at_commas(kept)) types.push_back(parameter_type(part));
  return types;
}

// "returned (*)(a, b)"
std::string pointer_type(CTokens returned, const std::vector<std::string>& parameters) {
  auto text = spelled(returned);
  if (!text.empty() && is_c_word(text.back())) text += ' ';
  return text + "(*)(" + (parameters.empty() ? "void" : join(parameters, ", ")) + ")";
}

// A type is one word or a tag with its keyword; what follows is the parameter's name.
bool ends_in_name(CTokens tokens) {
  std::size_t words = 0;
  for (const auto& token : tokens)
    if (token.kind == CToken::Kind::word && !is_qualifier(token.text)) ++words;
  if (words < 2 || tokens.back().kind != CToken::Kind::word) return false;
  if (is_basic_type(tokens.back().text) || is_qualifier(tokens.back().text)) return false;
  return tokens.size() < 2 || !is_tag_keyword(tokens[tokens.size() - 2].text);
}

std::string parameter_type(CTokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].is("(") || i + 1 >= tokens.size() || !tokens[i + 1].is("*")) continue;
    const auto close = closing(tokens, i);
    if (close + 1 >= tokens.size() || !tokens[close + 1].is("(")) break;
    const auto end = closing(tokens, close + 1);
    return pointer_type(tokens.subspan(0, i),
                        parameters_in(tokens.subspan(close + 2, end - close - 2)));
  }
  const auto bracket =
      std::ranges::find_if(tokens, [](const CToken& token) { return token.is("["); });
  const auto array = static_cast<std::size_t>(bracket - tokens.begin());
  auto head = tokens.subspan(0, array);
  if (!head.empty() && ends_in_name(head)) head = head.first(head.size() - 1);
  return spelled(head) + (array < tokens.size() ? " []" : "");
}

// Of "int a, *b": the words before the first comma that are the type of all.
CTokens common_type(CTokens tokens, std::size_t name) {
  std::size_t comma = 0;
  for (std::size_t i = 0; i < name && comma == 0; ++i) {
    if (tokens[i].is("(") || tokens[i].is("{"))
      i = closing(tokens, i);
    else if (tokens[i].is(","))
      comma = i;
  }
  if (comma == 0) return tokens.subspan(0, name);
  auto end = comma;
  while (end > 1 && (tokens[end - 1].is("*") || tokens[end - 1].is("]") ||
                     tokens[end - 1].kind != CToken::Kind::word))
    --end;
  --end;
  while (end > 0 && tokens[end - 1].is("*")) --end;
  return tokens.subspan(0, end);
}

CDeclaration read_variable(CTokens tokens, std::size_t name) {
  auto type = plain(common_type(tokens, name));
  if (!type.empty() && type.size() < name)
    for (auto i = name; i > type.size() && tokens[i - 1].is("*") && !type.back().is("*"); --i)
      type.push_back(tokens[i - 1]);
  CDeclaration found{.kind = CDeclaration::Kind::variable, .type = spelled(type)};
  for (auto i = name + 1; i < tokens.size() && tokens[i].is("["); ++i) {
    const auto close = closing(tokens, i);
    found.type += " " + spelled(tokens.subspan(i, std::min(close + 1, tokens.size()) - i));
    i = close;
  }
  if (name + 2 < tokens.size() && tokens[name + 1].is(":"))
    found.type += " : " + std::string(tokens[name + 2].text);
  return found;
}

// Is the name at the top level of these tokens?
bool at_top(CTokens tokens, std::size_t name) {
  for (std::size_t i = 0; i < name; ++i) {
    if (!tokens[i].is("(") && !tokens[i].is("[") && !tokens[i].is("{")) continue;
    i = closing(tokens, i);
    if (i > name) return false;
  }
  return true;
}

}  // namespace

std::size_t declaration_begin(CTokens tokens, std::size_t name) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < name; ++i) {
    if (tokens[i].kind == CToken::Kind::directive) begin = i + 1;
    if (!tokens[i].is("(")) continue;
    const auto close = closing(tokens, i);
    if (close >= name) break;
    // "__printf(1, 2)" belongs to it, and what only looks like a call's end does not end it.
    if (i == 0 || !is_decoration(tokens[i - 1].text)) begin = close + 1;
    i = close;
  }
  return begin;
}

std::optional<CDeclaration> read_declarator(CTokens tokens, std::size_t at) {
  if (const auto bracket = pointer_bracket(tokens, at)) {
    const auto close = closing(tokens, *bracket);
    const auto end = closing(tokens, close + 1);
    if (!at_top(tokens, *bracket)) return std::nullopt;
    const auto begin = declaration_begin(tokens, *bracket);
    const auto returned = plain(tokens.subspan(begin, *bracket - begin));
    auto parameters = parameters_in(tokens.subspan(close + 2, end - close - 2));
    return CDeclaration{.kind = CDeclaration::Kind::variable,
                        .type = pointer_type(returned, parameters),
                        .parameters = std::move(parameters)};
  }
  if (at == 0 || !at_top(tokens, at) || is_tag_keyword(tokens[at - 1].text) ||
      is_basic_type(tokens[at].text))
    return std::nullopt;
  const auto begin = declaration_begin(tokens, at);
  if (begin >= at) return std::nullopt;  // a macro that is called
  const auto next = at + 1 < tokens.size() ? tokens[at + 1].text : std::string_view();
  const auto before = plain(tokens.subspan(begin, at - begin));
  if (before.empty()) return std::nullopt;
  if (next == "(") {
    const auto close = closing(tokens, at + 1);
    return CDeclaration{.kind = CDeclaration::Kind::function,
                        .type = spelled(before),
                        .parameters = parameters_in(tokens.subspan(at + 2, close - at - 2))};
  }
  constexpr std::array<std::string_view, 5> k_ends = {"", "[", "=", ",", ":"};
  const bool decorated = is_decoration(next);
  if (!is_one_of(next, k_ends) && !decorated) return std::nullopt;
  return read_variable(tokens.subspan(begin), at - begin);
}

std::string only_call(CTokens body) {
  while (!body.empty() && (body.front().is("return") || body.front().is("{")))
    body = body.subspan(1);
  while (!body.empty() && (body.back().is(";") || body.back().is("}")))
    body = body.first(body.size() - 1);
  if (body.size() < 3 || body[0].kind != CToken::Kind::word || !body[1].is("(")) return "";
  return closing(body, 1) == body.size() - 1 ? std::string(body[0].text) : "";
}

std::optional<CMacro> read_macro(std::string_view directive) {
  auto rest = trim(directive.substr(1));
  if (!rest.starts_with("define")) return std::nullopt;
  rest = trim(rest.substr(6));
  std::size_t end = 0;
  while (end < rest.size() && is_c_word(rest[end])) ++end;
  if (end == 0) return std::nullopt;
  CMacro macro{.name = rest.substr(0, end), .declaration = {.kind = CDeclaration::Kind::macro}};
  auto body = rest.substr(end);
  if (body.starts_with('(')) {
    const auto close = std::min(body.find(')'), body.size() - 1);
    macro.declaration.kind = CDeclaration::Kind::call_macro;
    macro.declaration.parameters.emplace();
    const auto inside = tokens_of(body.substr(1, close - 1));
    for (const auto part : split_at_commas(inside))
      macro.declaration.parameters->push_back(
          std::string(part.empty() || part.back().is("...") ? "..." : part.back().text));
    body = body.substr(close + 1);
  }
  // One line, with single blanks.
  const auto tokens = tokens_of(body);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is("\\")) continue;
    auto& text = macro.declaration.type;
    const bool apart = i > 0 && tokens[i - 1].offset + tokens[i - 1].text.size() < tokens[i].offset;
    if (apart && !text.empty()) text += ' ';
    text += tokens[i].text;
  }
  macro.declaration.calls = only_call(tokens_of(macro.declaration.type));
  return macro;
}

}  // namespace kobox
