// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/jsonc.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <vector>

namespace kobox {
namespace {

constexpr int k_max_depth = 200;

// Where a value stands in the text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};
struct Member {
  std::string key;
  Span value;
};

// Finds values' places. After a false, position() is where the text stops being JSON.
class Scanner {
 public:
  explicit Scanner(std::string_view text, std::size_t at = 0) : text_(text), at_(at) {}

  std::size_t position() const { return at_; }
  bool at_end() const { return at_ >= text_.size(); }

  // Blanks and comments.
  bool space() {
    while (!at_end()) {
      const auto rest = text_.substr(at_);
      if (std::isspace(static_cast<unsigned char>(rest[0])) != 0) {
        ++at_;
      } else if (rest.starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (rest.starts_with("/*")) {
        const auto end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return false;
        at_ = end + 2;
      } else {
        break;
      }
    }
    return true;
  }

  bool object(std::vector<Member>& members) {
    return sequence('{', '}', [&] {
      Span key, value;
      if (!string(key) || !space() || !take(':') || !space() || !any(value)) return false;
      const auto name = nlohmann::json::parse(text_.substr(key.begin, key.end - key.begin), nullptr,
                                              /*allow_exceptions=*/false);
      members.push_back({name.is_string() ? name.get<std::string>() : "", value});
      return true;
    });
  }

  bool list(std::vector<Span>& elements) {
    return sequence('[', ']', [&] {
      Span element;
      if (!any(element)) return false;
      elements.push_back(element);
      return true;
    });
  }

  bool any(Span& span) {
    span.begin = at_;
    const bool good = value();
    span.end = at_;
    return good;
  }

 private:
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool string(Span& span) {
    span.begin = at_;
    if (!take('"')) return false;
    for (; !at_end() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        span.end = ++at_;
        return true;
      }
    }
    return false;
  }

  bool value() {
    if (at_end() || depth_ >= k_max_depth) return false;
    Span ignored;
    std::vector<Member> members;
    std::vector<Span> elements;
    switch (text_[at_]) {
      case '{':
        return object(members);
      case '[':
        return list(elements);
      case '"':
        return string(ignored);
      default:
        return word();
    }
  }

  // A number, true, false, null.
  bool word() {
    const auto end = std::min(text_.find_first_of(",]} \t\r\n/", at_), text_.size());
    if (!nlohmann::json::accept(text_.substr(at_, end - at_))) return false;
    at_ = end;
    return true;
  }

  template <typename Item>
  bool sequence(char open, char close, const Item& item) {
    if (!take(open)) return false;
    ++depth_;
    while (true) {
      if (!space()) return false;
      if (take(close)) break;
      if (!item() || !space()) return false;
      if (!take(',') && (at_end() || text_[at_] != close)) return false;
    }
    --depth_;
    return true;
  }

  std::string_view text_;
  std::size_t at_;
  int depth_ = 0;
};

std::string_view line_end_of(std::string_view text) {
  return text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
}

// The blanks before what stands at `at`, if it is the first of its line.
std::optional<std::string> indentation(std::string_view text, std::size_t at) {
  const auto line = text.rfind('\n', at);
  const auto start = line == std::string_view::npos ? 0 : line + 1;
  const auto before = text.substr(start, at - start);
  if (before.find_first_not_of(" \t") != std::string_view::npos) return std::nullopt;
  return std::string(before);
}

// JSON with each line but the first behind `indent`.
std::string written(const nlohmann::ordered_json& entry, const std::string& indent,
                    std::string_view line_end) {
  std::string text;
  for (const char c : entry.dump(4)) {
    if (c == '\n')
      text.append(line_end).append(indent);
    else
      text += c;
  }
  return text;
}

Result<std::string> no_json(std::string_view text, std::size_t at) {
  const auto line = std::ranges::count(text.substr(0, at), '\n') + 1;
  return fail(ErrorKind::usage, "line {} is no JSON", line);
}

// The list's new text at the place of its opening bracket: after the last entry, or alone.
std::string with_last(const std::string& text, Span list, const std::vector<Span>& entries,
                      const nlohmann::ordered_json& entry) {
  const auto line_end = line_end_of(text);
  auto result = text;
  if (entries.empty()) {
    const std::string indent(8, ' ');
    const bool has_comment = text.find('/', list.begin) < list.end;
    const auto inside = has_comment ? "" : fmt::format("{}    ", line_end);
    const auto blank = has_comment ? 0 : list.end - list.begin - 2;
    return result.replace(
        list.begin + 1, blank,
        fmt::format("{}{}{}{}", line_end, indent, written(entry, indent, line_end), inside));
  }
  const auto indent = indentation(text, entries.front().begin).value_or(std::string(8, ' '));
  auto at = entries.back().end;
  Scanner behind(text, at);
  behind.space();
  const bool has_comma = text[behind.position()] == ',';
  if (has_comma) at = behind.position() + 1;
  return result.insert(at, fmt::format("{}{}{}{}", has_comma ? "" : ",", line_end, indent,
                                       written(entry, indent, line_end)));
}

}  // namespace

Result<std::string> with_json_entry(const std::string& text, std::string_view list_key,
                                    std::string_view name_key,
                                    const nlohmann::ordered_json& entry) {
  Scanner scanner(text, text.starts_with("\xef\xbb\xbf") ? 3 : 0);
  if (!scanner.space()) return no_json(text, scanner.position());
  const auto start = scanner.position();
  std::vector<Member> members;
  if (!scanner.object(members) || !scanner.space() || !scanner.at_end())
    return no_json(text, scanner.position());

  const auto member = std::ranges::find(members, list_key, &Member::key);
  if (member == members.end()) {
    const auto line_end = line_end_of(text);
    const nlohmann::ordered_json list = nlohmann::ordered_json::array({entry});
    const auto more = members.empty() ? std::string(line_end) : std::string(",");
    return std::string(text).insert(start + 1, fmt::format("{}    \"{}\": {}{}", line_end, list_key,
                                                           written(list, "    ", line_end), more));
  }
  std::vector<Span> entries;
  if (!Scanner(text, member->value.begin).list(entries))
    return fail(ErrorKind::usage, "\"{}\" is no list", list_key);
  for (const auto& span : entries) {
    std::vector<Member> fields;
    if (!Scanner(text, span.begin).object(fields)) continue;
    const auto name = std::ranges::find(fields, name_key, &Member::key);
    if (name == fields.end()) continue;
    const auto raw = text.substr(name->value.begin, name->value.end - name->value.begin);
    if (nlohmann::json::parse(raw, nullptr, false, true) != entry.at(std::string(name_key)))
      continue;
    const auto indent = indentation(text, span.begin).value_or("");
    return std::string(text).replace(span.begin, span.end - span.begin,
                                     written(entry, indent, line_end_of(text)));
  }
  return with_last(text, member->value, entries, entry);
}

}  // namespace kobox
