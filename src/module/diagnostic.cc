// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/diagnostic.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "module/c_tokens.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_name = 128;
constexpr std::size_t k_max_from_line = 6;

using About = Diagnostic::About;

// The first character of ‘ and ’ in UTF-8 is the same as of “ and ”.
constexpr std::string_view k_open = "\xe2\x80\x98";
constexpr std::string_view k_close = "\xe2\x80\x99";

// What stands in quotes of either kind, in order.
std::vector<std::string> quoted(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < text.size();) {
    const bool curly = text.substr(i).starts_with(k_open);
    if (!curly && text[i] != '\'' && text[i] != '"') {
      ++i;
      continue;
    }
    const auto begin = i + (curly ? k_open.size() : 1);
    const auto end = curly ? text.find(k_close, begin) : text.find(text[i], begin);
    if (end == std::string_view::npos) break;
    parts.emplace_back(text.substr(begin, end - begin));
    i = end + (curly ? k_close.size() : 1);
  }
  return parts;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= k_max_name && std::ranges::all_of(text, is_c_word) &&
         (text[0] < '0' || text[0] > '9');
}

// "struct task_struct" of "const struct task_struct *": its tag, or "".
std::string tag_in(std::string_view type) {
  const auto tokens = tokens_of(type);
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
    if ((tokens[i].is("struct") || tokens[i].is("union")) && is_name(tokens[i + 1].text))
      return std::string(tokens[i + 1].text);
  return "";
}

// What a message with this in it is about: of its quoted parts the one with this number.
struct Form {
  std::string_view mark;
  About about;
  std::size_t name;
};

constexpr std::array<Form, 22> k_forms = {{
    {"arguments to function ", About::call, 0},
    {"implicit declaration of function ", About::call, 0},
    {"call to undeclared function ", About::call, 0},
    {" requires ", About::call, 0},         // macro "f" requires 2 arguments, but only 1 given
    {" passed ", About::call, 0},           // macro "f" passed 2 arguments, but takes just 1
    {"passing argument ", About::call, 0},  // … 4 of 'f' from incompatible pointer type
    {"incompatible type for argument ", About::call, 0},
    {"redefinition of ", About::name, 0},
    {"conflicting types for ", About::name, 0},
    {"static declaration of ", About::name, 0},  // … follows non-static declaration
    {"\" redefined", About::name, 0},
    {"unknown type name ", About::name, 0},
    {" undeclared", About::name, 0},
    {"use of undeclared identifier ", About::name, 0},
    {" has no member named ", About::member, 1},
    {"no member named ", About::member, 0},
    {"field designator ", About::member, 0},  // … 'x' does not refer to any field in type 'y'
    {"assignment of read-only member ", About::member, 0},
    {"\" undefined!", About::exported, 0},
    {"] undefined!", About::exported, 0},  // "f" [x.ko] undefined!
    {" uses GPL-only symbol ", About::exported, 0},
    {" file not found", About::header, 0},
}};

class Reader {
 public:
  explicit Reader(const Failure& failure) : failure_(failure), message_(failure.message) {
    // What first_error() has added.
    if (const auto added = message_.rfind(" (in "); added != std::string_view::npos)
      message_ = message_.substr(0, added);
  }

  std::vector<Diagnostic> read() {
    add(from_header());
    add(from_namespace());
    add(from_form(message_));
    add(from_incomplete_type());
    add(from_access());
    add_later_errors();
    add_calls_of_line();
    return std::move(all_);
  }

 private:
  void add(std::optional<Diagnostic> one) {
    if (!one || one->name.empty()) return;
    if (std::ranges::find(all_, *one) == all_.end()) all_.push_back(std::move(*one));
  }

  // "linux/genhd.h: No such file or directory"
  std::optional<Diagnostic> from_header() const {
    constexpr std::string_view k_mark = ": No such file or directory";
    if (!message_.ends_with(k_mark)) return std::nullopt;
    return header(message_.substr(0, message_.size() - k_mark.size()));
  }

  static std::optional<Diagnostic> header(std::string_view name) {
    if (!name.ends_with(".h") || name.size() > k_max_name || name.starts_with('/') ||
        name.find("..") != std::string_view::npos || name.find(' ') != std::string_view::npos)
      return std::nullopt;
    return Diagnostic{.about = About::header, .name = std::string(name)};
  }

  // "module m uses symbol dma_buf_get from namespace DMA_BUF, but does not import it."
  std::optional<Diagnostic> from_namespace() {
    constexpr std::string_view k_mark = " uses symbol ";
    const auto at = message_.find(k_mark);
    if (at == std::string_view::npos || message_.find(" namespace ") == std::string_view::npos)
      return std::nullopt;
    const auto rest = message_.substr(at + k_mark.size());
    const auto symbol = rest.substr(0, rest.find(' '));
    if (is_name(symbol)) add(Diagnostic{.about = About::exported, .name = std::string(symbol)});
    // The macro by which modules import (Documentation/core-api/symbol-namespaces.rst).
    return Diagnostic{.about = About::call, .name = "MODULE_IMPORT_NS"};
  }

  std::optional<Diagnostic> from_form(std::string_view message) const {
    const auto parts = quoted(message);
    for (const auto& form : k_forms) {
      if (message.find(form.mark) == std::string_view::npos || form.name >= parts.size()) continue;
      if (form.about == About::header) return header(parts[form.name]);
      if (!is_name(parts[form.name])) continue;
      Diagnostic found{.about = form.about, .name = parts[form.name]};
      found.is_missing = is_about_missing(message);
      if (found.about == About::member) return with_owner(std::move(found), parts);
      return found;
    }
    return std::nullopt;
  }

  Diagnostic with_owner(Diagnostic member, const std::vector<std::string>& parts) const {
    for (const auto& part : parts)
      if (member.owner.empty()) member.owner = tag_in(part);
    if (member.owner.empty())
      if (auto access = access_in(assigned()); access && access->name == member.name)
        return *access;
    return member;
  }

  // "invalid use of undefined type 'struct x'", "field 'a' has incomplete type"
  std::optional<Diagnostic> from_incomplete_type() const {
    const bool incomplete = message_.find("incomplete type") != std::string_view::npos ||
                            message_.find("undefined type") != std::string_view::npos ||
                            message_.find("storage size of ") != std::string_view::npos;
    if (!incomplete) return std::nullopt;
    std::string tag;
    for (const auto& part : quoted(message_))
      if (tag.empty()) tag = tag_in(part);
    if (tag.empty()) tag = tag_in(failure_.source);
    return Diagnostic{.about = About::name, .name = std::move(tag), .is_missing = true};
  }

  static bool is_about_missing(std::string_view message) {
    constexpr std::array<std::string_view, 3> k_marks = {"implicit declaration of ", "undeclared",
                                                         "unknown type name "};
    return std::ranges::any_of(k_marks, [&](std::string_view mark) {
      return message.find(mark) != std::string_view::npos;
    });
  }

  // Of an assignment or initialization: what it was to.
  std::optional<Diagnostic> from_access() const {
    const bool initializes = message_.find("initializ") != std::string_view::npos;
    const bool assigns = message_.find("assign") != std::string_view::npos;
    if (!initializes && !assigns) return std::nullopt;
    constexpr std::string_view k_near = "(near initialization for ";
    if (initializes) {
      for (const auto& line : failure_.log) {
        const auto at = line.find(k_near);
        if (at == std::string::npos) continue;
        const auto parts = quoted(std::string_view(line).substr(at));
        if (!parts.empty()) return access_in(parts.front());
      }
      return designated();
    }
    if (const auto parts = quoted(message_);
        !parts.empty() && message_.find("read-only location") != std::string_view::npos)
      return access_in(parts.front());
    return access_in(assigned());
  }

  // The line up to its '='.
  std::string_view assigned() const {
    return std::string_view(failure_.source).substr(0, failure_.source.find('='));
  }

  // ".remove = m_remove,"
  std::optional<Diagnostic> designated() const {
    const auto tokens = tokens_of(failure_.source);
    for (std::size_t i = 0; i + 2 < tokens.size(); ++i)
      if (tokens[i].is(".") && is_name(tokens[i + 1].text) && tokens[i + 2].is("="))
        return Diagnostic{.about = About::member, .name = std::string(tokens[i + 1].text)};
    return std::nullopt;
  }

  // "c->devnode", "m_driver.driver.remove", "ops[0].open": the last such access in the text.
  static std::optional<Diagnostic> access_in(std::string_view text) {
    constexpr std::string_view k_unnamed = ".<anonymous>";
    std::string named(text);
    for (auto at = named.find(k_unnamed); at != named.npos; at = named.find(k_unnamed, at))
      named.erase(at, k_unnamed.size());
    const auto tokens = tokens_of(named);
    std::vector<std::string> words;
    bool joined = false;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].is("[")) {
        i = closing(tokens, i);
      } else if (is_name(tokens[i].text)) {
        if (!joined) words.clear();
        words.emplace_back(tokens[i].text);
        joined = false;
      } else if (tokens[i].is(".") || (tokens[i].is(">") && i > 0 && tokens[i - 1].is("-"))) {
        joined = true;
      } else if (!tokens[i].is("-")) {
        joined = false;
      }
    }
    if (words.size() < 2) return std::nullopt;
    Diagnostic found{.about = About::member, .name = words.back(), .variable = words.front()};
    found.path.assign(words.begin() + 1, words.end() - 1);
    return found;
  }

  // "m.c:6:13: error: too many arguments to function 'class_create'", behind the first error.
  void add_later_errors() {
    constexpr std::string_view k_mark = ": error: ";
    for (const auto& line : failure_.log)
      if (const auto at = line.find(k_mark); at != std::string::npos)
        add(from_form(std::string_view(line).substr(at + k_mark.size())));
  }

  // The line may use what has changed although the message names something else:
  // "MODULE_IMPORT_NS(DMA_BUF);" is told "'DMA_BUF' undeclared".
  void add_calls_of_line() {
    constexpr std::array<std::string_view, 7> k_keywords = {"if",     "for",    "while", "switch",
                                                            "return", "sizeof", "typeof"};
    // clang does not name what it is about.
    const bool is_about_calls = message_.find("arguments to function call") != message_.npos ||
                                message_.find("function-like macro") != message_.npos;
    const auto tokens = tokens_of(failure_.source);
    std::size_t count = 0;
    for (std::size_t i = 0; i + 1 < tokens.size() && count < k_max_from_line; ++i) {
      if (!tokens[i + 1].is("(") || !is_name(tokens[i].text)) continue;
      if (std::ranges::find(k_keywords, tokens[i].text) != k_keywords.end()) continue;
      const auto name = tokens[i].text;
      if (std::ranges::find(all_, name, &Diagnostic::name) != all_.end()) continue;
      add(Diagnostic{
          .about = About::call, .name = std::string(name), .is_used_only = !is_about_calls});
      ++count;
    }
  }

  const Failure& failure_;
  std::string_view message_;
  std::vector<Diagnostic> all_;
};

}  // namespace

std::vector<Diagnostic> diagnostics_of(const Failure& failure) { return Reader(failure).read(); }

std::vector<std::string> variables_set_in(std::string_view kbuild) {
  std::vector<std::string> names;
  for (const auto line : lines_of(kbuild)) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('\t')) continue;
    auto name = trim(line.substr(0, equals));
    while (!name.empty() && (name.back() == '+' || name.back() == ':' || name.back() == '?'))
      name.remove_suffix(1);
    name = trim(name);
    if (!is_name(name) || std::ranges::find(names, name) != names.end()) continue;
    names.emplace_back(name);
  }
  return names;
}

}  // namespace kobox
