// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/c_declarations.h"

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "module/c_declarator.h"
#include "module/c_tokens.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_lines = 6;  // of a declaration's text
// More than any header has, so that the time a text takes grows with its size only.
constexpr std::size_t k_max_part = 4096;  // tokens of one declaration
constexpr std::size_t k_max_found = 64;   // declarations of one name
constexpr std::size_t k_max_uses = 16;    // of a name in one declaration
constexpr std::size_t k_max_head = 128;   // tokens up to a name, and of a member's declaration

bool is_tag(std::string_view word) { return word == "struct" || word == "union" || word == "enum"; }

// The whole lines from one offset to another, without the indentation that all have.
std::string lines_between(std::string_view text, std::size_t begin, std::size_t end) {
  begin = begin == 0 ? 0 : text.rfind('\n', begin - 1) + 1;
  end = std::min(text.find('\n', end), text.size());
  auto lines = lines_of(text.substr(begin, end - begin));
  const bool cut = lines.size() > k_max_lines;
  if (cut) lines.resize(k_max_lines);
  auto common = std::string_view::npos;
  for (const auto line : lines)
    if (const auto first = line.find_first_not_of(" \t"); first != std::string_view::npos)
      common = std::min(common, first);
  std::string shown;
  for (const auto line : lines) {
    if (!shown.empty()) shown += '\n';
    shown += line.substr(std::min(common, line.size()));
  }
  return cut ? shown + "\n..." : shown;
}

// The parts of a file's top level, or of a struct's body: each up to its ';' or the '}' of its
// body.
class Parts {
 public:
  explicit Parts(CTokens tokens) : tokens_(tokens) {}

  // Calls for each with its tokens, those behind the '{' of a function's body left out, and the
  // index of the last token that belongs to it.
  template <typename Found>
  void each(Found found) const {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (begin == i && tokens_[i].kind == CToken::Kind::directive) {
        found(tokens_.subspan(i, 1), i);
        begin = i + 1;
      } else if (tokens_[i].is("(") || tokens_[i].is("[")) {
        const auto close = closing(tokens_, i);
        if (close < tokens_.size()) i = close;
      } else if (tokens_[i].is("{")) {
        const auto close = closing(tokens_, i);
        if (close == tokens_.size()) continue;  // an #ifdef has two beginnings for one end
        if (is_function(tokens_.subspan(begin, i - begin))) {
          found(tokens_.subspan(begin, i - begin), close);
          begin = close + 1;
        }
        i = close;
      } else if (tokens_[i].is(";")) {
        found(tokens_.subspan(begin, i - begin), i);
        begin = i + 1;
      } else if (tokens_[i].is("}")) {
        begin = i + 1;  // of extern "C", or too many
      }
    }
  }

 private:
  // Is what comes before a '{' a function, and not a type or what a variable begins with?
  static bool is_function(CTokens head) {
    const auto size = head.size();
    if (size > 0 && is_tag(head[size - 1].text)) return false;
    if (size > 1 && is_tag(head[size - 2].text)) return false;
    if (size > k_max_head) return true;  // nothing that is known; what follows may be
    bool has_parameters = false;
    for (std::size_t i = 0; i < head.size(); ++i) {
      if (head[i].is("=")) return false;
      if (!head[i].is("(")) continue;
      has_parameters = i > 0 && !head[i - 1].text.starts_with("__attribute");
      i = closing(head, i);
    }
    return has_parameters;
  }

  CTokens tokens_;
};

std::vector<CToken> without_directives(CTokens tokens) {
  std::vector<CToken> kept;
  std::ranges::copy_if(tokens, std::back_inserter(kept),
                       [](const CToken& token) { return token.kind != CToken::Kind::directive; });
  return kept;
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view name)
      : text_(text), name_(name), lines_(text), tokens_(tokens_of(text)) {}

  std::vector<CDeclaration> read() {
    // What stands between #ifdef and #endif in the midst of a part is read as if it always did.
    Parts(tokens_).each([&](CTokens part, std::size_t last) { take(part, last); });
    return std::move(found_);
  }

 private:
  void take(CTokens part, std::size_t last) {
    for (const auto& token : part)
      if (token.kind == CToken::Kind::directive) take_macro(token);
    const auto tokens = without_directives(part);
    std::size_t uses = 0;
    for (std::size_t i = 0; i < tokens.size() && uses < k_max_uses; ++i) {
      if (tokens[i].kind != CToken::Kind::word || !tokens[i].is(name_)) continue;
      take_name(tokens, i, last);
      ++uses;
    }
  }

  void take_macro(const CToken& token) {
    auto macro = read_macro(token.text);
    if (!macro || macro->name != name_) return;
    add(std::move(macro->declaration), token.offset, token.offset + token.text.size() - 1);
  }

  void take_name(CTokens part, std::size_t at, std::size_t last) {
    if (at > 0 && is_tag(part[at - 1].text)) {
      if (at + 1 < part.size() && (part[at + 1].is("{") || part[at + 1].is(":")))
        add({.kind = CDeclaration::Kind::type, .type = std::string(part[at - 1].text)},
            part[at - 1].offset, part[at].offset);
      return;
    }
    if (take_constant(part, at) || part.size() > k_max_part) return;
    auto read = read_declarator(part, at);
    if (!read) return;
    const bool is_typedef = part.front().is("typedef");
    if (is_typedef) {
      read->type = "typedef " + spelled(part.subspan(1));
      read->kind = CDeclaration::Kind::type;
    }
    const bool has_body = tokens_[last].is("}");
    if (has_body) read->calls = only_call(body_before(last));
    const auto begin = part[declaration_begin(part, at)].offset;
    // Of a long body only what comes before it.
    const auto body_lines = lines_.of(tokens_[last].offset) - lines_.of(begin);
    const bool whole = !has_body || body_lines < static_cast<int>(k_max_lines);
    add(std::move(*read), begin, whole ? tokens_[last].offset : part.back().offset);
  }

  CTokens body_before(std::size_t last) const {
    std::size_t depth = 0;
    for (auto i = last + 1; i-- > 0;) {
      if (tokens_[i].is("}")) ++depth;
      if (tokens_[i].is("{") && --depth == 0) return CTokens(tokens_).subspan(i, last + 1 - i);
    }
    return {};
  }

  // "enum x { A, B = 1 }"
  bool take_constant(CTokens part, std::size_t at) {
    std::size_t open = 0;
    while (open < at && !part[open].is("{")) ++open;
    if (open == at || closing(part, open) < at) return false;
    const bool in_enum =
        std::ranges::any_of(part.first(open), [](const CToken& token) { return token.is("enum"); });
    if (!in_enum || (!part[at - 1].is("{") && !part[at - 1].is(","))) return true;
    add({.kind = CDeclaration::Kind::constant, .type = "enum"}, part[at].offset, part[at].offset);
    return true;
  }

  void add(CDeclaration declaration, std::size_t begin, std::size_t end) {
    if (found_.size() >= k_max_found) return;
    declaration.line = lines_.of(begin);
    declaration.text = lines_between(text_, begin, end);
    found_.push_back(std::move(declaration));
  }

  std::string_view text_;
  std::string_view name_;
  LineTable lines_;
  std::vector<CToken> tokens_;
  std::vector<CDeclaration> found_;
};

using OnMember = std::function<void(CTokens part)>;

// The members of a body, those of structs without a name and of struct_group(name, …) included.
void each_member(CTokens body, const OnMember& found, int depth = 0) {
  constexpr int k_deepest = 20;
  if (depth > k_deepest) return;
  Parts(body).each([&](CTokens part, std::size_t) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool brace = part[i].is("{");
      if (!brace && !part[i].is("(")) continue;
      const auto close = std::min(closing(part, i), part.size());
      auto inside = part.subspan(i + 1, close - std::min(close, i + 1));
      const bool statements =
          std::ranges::any_of(inside, [](const CToken& token) { return token.is(";"); });
      const bool named =
          brace && close + 1 < part.size() && !part[close + 1].text.starts_with("__");
      if (statements && !named) {
        // The group's own names.
        while (inside.size() > 1 && (inside[0].is(",") || inside[1].is(",")))
          inside = inside.subspan(1);
        each_member(inside, found, depth + 1);
        return;
      }
      i = close;
    }
    found(part);
  });
}

// The body of `struct tag { … }`.
CTokens body_of(CTokens tokens, std::string_view tag) {
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (!tokens[i + 1].is(tag) || !tokens[i + 2].is("{")) continue;
    if (!tokens[i].is("struct") && !tokens[i].is("union")) continue;
    const auto close = closing(tokens, i + 2);
    return tokens.subspan(i + 3, std::min(close, tokens.size()) - i - 3);
  }
  return {};
}

// The member's own name in its tokens, or their size: the word that is declared, or the first
// argument of a macro that declares it ("DECLARE_BITMAP(name, 8)").
std::size_t member_at(CTokens part, std::string_view name) {
  for (std::size_t i = 1; i < std::min(part.size(), k_max_head); ++i) {
    if (part[i].kind != CToken::Kind::word || (!name.empty() && !part[i].is(name))) continue;
    if (i == 2 && part[1].is("(") && part[0].kind == CToken::Kind::word) return i;
    if (const auto read = read_declarator(part, i);
        read && (read->kind == CDeclaration::Kind::variable))
      return i;
  }
  return part.size();
}

}  // namespace

bool CDeclaration::same_as(const CDeclaration& other) const {
  if (kind != other.kind) return false;
  if (kind == Kind::constant) return true;
  return type == other.type && (kind == Kind::call_macro || parameters == other.parameters);
}

std::vector<CDeclaration> declarations_of(std::string_view text, std::string_view name) {
  if (!has_word(text, name)) return {};
  return Reader(text, name).read();
}

std::vector<CDeclaration> members_of(std::string_view text, std::string_view tag,
                                     std::string_view member) {
  const auto tokens = without_directives(tokens_of(text));
  const LineTable lines(text);
  std::vector<CDeclaration> found;
  each_member(body_of(tokens, tag), [&](CTokens part) {
    const auto at = member_at(part, member);
    if (at == part.size()) return;
    auto read = read_declarator(part, at);
    if (!read) read = CDeclaration{.kind = CDeclaration::Kind::variable, .type = spelled(part)};
    read->line = lines.of(part.front().offset);
    read->text = lines_between(text, part.front().offset, part.back().offset);
    found.push_back(std::move(*read));
  });
  return found;
}

std::vector<std::string> member_names(std::string_view text, std::string_view tag) {
  const auto tokens = without_directives(tokens_of(text));
  std::vector<std::string> names;
  each_member(body_of(tokens, tag), [&](CTokens part) {
    const auto at = member_at(part, "");
    if (at < part.size()) names.emplace_back(part[at].text);
  });
  return names;
}

std::string macro_like(std::string_view text, const CDeclaration& macro) {
  for (const auto& token : tokens_of(text)) {
    if (token.kind != CToken::Kind::directive) continue;
    const auto read = read_macro(token.text);
    if (read && read->declaration.same_as(macro) &&
        read->declaration.parameters == macro.parameters)
      return std::string(read->name);
  }
  return "";
}

std::vector<std::string> declared_names(std::string_view text) {
  const auto tokens = tokens_of(text);
  std::vector<std::string> names;
  Parts(tokens).each([&](CTokens whole, std::size_t) {
    const auto part = without_directives(whole);
    for (std::size_t i = 1; i + 1 < std::min(part.size(), k_max_head); ++i) {
      if (part[i].kind != CToken::Kind::word) continue;
      const bool defined = is_tag(part[i - 1].text) && part[i + 1].is("{");
      const auto read = defined || !part[i + 1].is("(") ? std::nullopt : read_declarator(part, i);
      if (!defined && (!read || read->kind != CDeclaration::Kind::function)) continue;
      names.emplace_back(part[i].text);
      break;
    }
  });
  return names;
}

std::string struct_of_variable(std::string_view text, std::string_view variable, int line) {
  std::string tag;
  const auto tokens = without_directives(tokens_of(text));
  const LineTable lines(text);
  for (std::size_t i = 2; i < tokens.size(); ++i) {
    if (!tokens[i].is(variable) || tokens[i].kind != CToken::Kind::word) continue;
    auto type = i;
    while (type > 0 && (tokens[type - 1].is("*") || tokens[type - 1].is("const"))) --type;
    if (type < 2 || (!tokens[type - 2].is("struct") && !tokens[type - 2].is("union"))) continue;
    const bool behind = lines.of(tokens[i].offset) > line;
    if (behind && !tag.empty()) return tag;
    tag = tokens[type - 1].text;
    if (behind) return tag;
  }
  return tag;
}

std::string struct_initialized_at(std::string_view text, int line) {
  const auto tokens = without_directives(tokens_of(text));
  const LineTable lines(text);
  std::string tag;
  for (std::size_t i = 0; i + 4 < tokens.size(); ++i) {
    if (!tokens[i].is("struct") && !tokens[i].is("union")) continue;
    auto brace = i + 3;
    const auto end = std::min(tokens.size(), i + k_max_head);
    while (brace < end && !tokens[brace].is("{") && !tokens[brace].is(";") &&
           !tokens[brace].is("("))
      ++brace;
    if (brace >= end || !tokens[brace].is("{") || !tokens[brace - 1].is("=")) continue;
    const auto close = std::min(closing(tokens, brace), tokens.size() - 1);
    if (lines.of(tokens[brace].offset) <= line && line <= lines.of(tokens[close].offset))
      tag = tokens[i + 1].text;
  }
  return tag;
}

}  // namespace kobox
