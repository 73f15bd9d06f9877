// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/mi.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_quoted = 80;  // bytes of a bad line in the message about it

// Letters and digits as C has them, whatever the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '-'; }

const MiValue* find_field(std::span<const MiField> fields, std::string_view name) {
  const auto it = std::ranges::find(fields, name, &MiField::name);
  return it != fields.end() ? &it->value : nullptr;
}

// What stands for the character after a backslash; GDB's generic_printchar() writes no others.
std::optional<char> unescaped(char c) {
  static constexpr std::string_view k_written = "abefnrt\"\\";
  static constexpr std::string_view k_meant = "\a\b\033\f\n\r\t\"\\";
  const auto at = k_written.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return k_meant[at];
}

std::optional<MiClass> class_named(std::string_view name) {
  using enum MiClass;
  static constexpr std::pair<std::string_view, MiClass> k_all[] = {
      {"done", done},   {"running", running}, {"connected", connected},
      {"error", error}, {"exit", exit},
  };
  const auto* it = std::ranges::find(k_all, name, &std::pair<std::string_view, MiClass>::first);
  if (it == std::end(k_all)) return std::nullopt;
  return it->second;
}

class Parser {
 public:
  explicit Parser(std::string_view line) : line_(line) {}

  Result<MiRecord> record();

 private:
  Result<MiRecord> result(std::optional<std::uint64_t> token);
  Result<MiRecord> async(MiAsyncKind kind);
  Result<MiRecord> stream(MiStreamKind kind);
  Result<std::optional<std::uint64_t>> token();
  // ",name=value…" to the line's end. A tuple that begins them without a name gets `first`: gdb
  // writes +download,{…}.
  Result<MiTuple> results(std::string_view first);

  Result<std::string> name();
  Result<MiField> field(std::string_view name_before, std::size_t depth);
  // `depth`: how many tuples and lists are around it.
  Result<MiValue> value(std::size_t depth);
  Result<MiValue> tuple(std::size_t depth);
  Result<MiValue> list(std::size_t depth);
  // One or more, and the bracket that ends them.
  Result<std::vector<MiField>> fields(char end, std::size_t depth);
  Result<std::vector<MiField>> bare_values(char end, std::size_t depth);
  Result<std::string> c_string();
  Result<char> escape();

  char peek() const { return at_ < line_.size() ? line_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::unexpected<Error> wrong(std::string_view why) const;

  std::string_view line_;
  std::size_t at_ = 0;
};

std::unexpected<Error> Parser::wrong(std::string_view why) const {
  return fail(ErrorKind::protocol, "gdb said something that is not GDB/MI ({} at byte {}): {}{}",
              why, at_, printable(line_.substr(0, k_max_quoted)),
              line_.size() > k_max_quoted ? "…" : "");
}

Result<MiRecord> Parser::record() {
  if (line_.size() > k_mi_max_line) return wrong("a line of more than 1 MiB");
  // gdb writes a blank after it.
  if (line_ == "(gdb)" || line_ == "(gdb) ") return MiPrompt{};
  KOBOX_TRY(const auto number, token());
  const char sign = peek();
  if (at_ < line_.size()) ++at_;
  switch (sign) {
    case '^':
      return result(number);
    case '*':
      return async(MiAsyncKind::exec);
    case '+':
      return async(MiAsyncKind::status);
    case '=':
      return async(MiAsyncKind::notify);
    default:
      break;
  }
  if (!number && sign == '~') return stream(MiStreamKind::console);
  if (!number && sign == '@') return stream(MiStreamKind::target);
  if (!number && sign == '&') return stream(MiStreamKind::log);
  return wrong("no kind of record");
}

Result<MiRecord> Parser::result(std::optional<std::uint64_t> token) {
  KOBOX_TRY(const auto word, name());
  const auto result_class = class_named(word);
  if (!result_class) return wrong("no class of result");
  KOBOX_TRY(auto fields, results(""));
  return MiResult{token, *result_class, std::move(fields)};
}

Result<MiRecord> Parser::async(MiAsyncKind kind) {
  KOBOX_TRY(auto word, name());
  KOBOX_TRY(auto fields, results(word));
  return MiAsync{kind, std::move(word), std::move(fields)};
}

Result<MiRecord> Parser::stream(MiStreamKind kind) {
  KOBOX_TRY(auto text, c_string());
  if (at_ != line_.size()) return wrong("more than a string");
  return MiStream{kind, std::move(text)};
}

Result<std::optional<std::uint64_t>> Parser::token() {
  if (!is_digit(peek())) return std::nullopt;
  std::uint64_t number = 0;
  const char* begin = line_.data();
  const auto [end, error] = std::from_chars(begin, begin + line_.size(), number);
  if (error != std::errc()) return wrong("too large a token");
  at_ = static_cast<std::size_t>(end - begin);
  return number;
}

Result<MiTuple> Parser::results(std::string_view first) {
  MiTuple all;
  std::string before(first);
  while (at_ < line_.size()) {
    if (!take(',')) return wrong("no comma");
    KOBOX_TRY(auto next, field(before, 0));
    before = next.name;
    all.fields.push_back(std::move(next));
  }
  return all;
}

Result<std::string> Parser::name() {
  const auto start = at_;
  if (!is_name_start(peek())) return wrong("no name");
  while (is_name_part(peek())) ++at_;
  return std::string(line_.substr(start, at_ - start));
}

Result<MiField> Parser::field(std::string_view name_before, std::size_t depth) {
  MiField one;
  if (peek() == '{' && !name_before.empty()) {
    one.name = name_before;
  } else {
    KOBOX_TRY(one.name, name());
    if (!take('=')) return wrong("no '='");
  }
  KOBOX_TRY(one.value, value(depth));
  return one;
}

Result<MiValue> Parser::value(std::size_t depth) {
  if (peek() == '"') {
    KOBOX_TRY(auto text, c_string());
    return MiValue{std::move(text)};
  }
  if (peek() != '{' && peek() != '[') return wrong("no value");
  if (depth == k_mi_max_depth) return wrong("nested too deeply");
  return take('{') ? tuple(depth + 1) : list(depth + 1);
}

Result<MiValue> Parser::tuple(std::size_t depth) {
  if (take('}')) return MiValue{MiTuple{}};
  if (peek() == '"') {
    KOBOX_TRY(auto items, bare_values('}', depth));
    return MiValue{MiList{std::move(items)}};
  }
  KOBOX_TRY(auto all, fields('}', depth));
  return MiValue{MiTuple{std::move(all)}};
}

Result<MiValue> Parser::list(std::size_t depth) {
  ++at_;
  if (take(']')) return MiValue{MiList{}};
  KOBOX_TRY(auto items, is_name_start(peek()) ? fields(']', depth) : bare_values(']', depth));
  return MiValue{MiList{std::move(items)}};
}

Result<std::vector<MiField>> Parser::fields(char end, std::size_t depth) {
  std::vector<MiField> all;
  do {
    KOBOX_TRY(auto next, field(all.empty() ? "" : all.back().name, depth));
    all.push_back(std::move(next));
  } while (take(','));
  if (!take(end)) return wrong(fmt::format("no '{}'", end));
  return all;
}

Result<std::vector<MiField>> Parser::bare_values(char end, std::size_t depth) {
  std::vector<MiField> all;
  do {
    KOBOX_TRY(auto next, value(depth));
    all.push_back({"", std::move(next)});
  } while (take(','));
  if (!take(end)) return wrong(fmt::format("no '{}'", end));
  return all;
}

Result<std::string> Parser::c_string() {
  if (!take('"')) return wrong("no string");
  std::string text;
  while (!take('"')) {
    if (at_ == line_.size()) return wrong("a string without an end");
    if (take('\\')) {
      KOBOX_TRY(const char meant, escape());
      text += meant;
    } else if (static_cast<unsigned char>(peek()) < ' ') {
      return wrong("a control character");
    } else {
      text += line_[at_++];
    }
  }
  return text;
}

Result<char> Parser::escape() {
  if (const auto meant = unescaped(peek())) {
    ++at_;
    return *meant;
  }
  // gdb writes all three digits, so that a digit may follow.
  const auto digits = line_.substr(at_, 3);
  unsigned number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 8);
  if (error != std::errc() || end != digits.data() + 3 || number > 0xff)
    return wrong("no such escape");
  at_ += 3;
  return static_cast<char>(number);
}

}  // namespace

const MiValue* MiTuple::find(std::string_view name) const { return find_field(fields, name); }

std::string_view MiTuple::text(std::string_view name) const {
  const auto* value = find(name);
  return value != nullptr ? value->text() : "";
}

std::string_view MiValue::text() const {
  const auto* string = std::get_if<std::string>(&form);
  return string != nullptr ? std::string_view(*string) : "";
}

std::span<const MiField> MiValue::items() const {
  if (const auto* tuple = std::get_if<MiTuple>(&form)) return tuple->fields;
  if (const auto* list = std::get_if<MiList>(&form)) return list->items;
  return {};
}

const MiValue* MiValue::find(std::string_view name) const { return find_field(items(), name); }

std::string_view MiValue::text(std::string_view name) const {
  const auto* value = find(name);
  return value != nullptr ? value->text() : "";
}

Result<MiRecord> parse_mi(std::string_view line) { return Parser(line).record(); }

std::string mi_quote(std::string_view parameter) {
  std::string quoted = "\"";
  for (const char c : parameter) {
    if (c == '"' || c == '\\')
      quoted += {'\\', c};
    else if (static_cast<unsigned char>(c) < ' ')
      quoted += fmt::format("\\{:03o}", c);
    else
      quoted += c;
  }
  return quoted + '"';
}

}  // namespace kobox
