// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/c_tokens.h"

#include <algorithm>

namespace kobox {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr std::string_view k_open = "([{";
constexpr std::string_view k_close = ")]}";
constexpr std::size_t k_deepest = 200;

bool is_bracket(std::string_view kind, char c) { return kind.find(c) != std::string_view::npos; }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::vector<CToken> read() {
    while (at_ < text_.size() && depth_ <= k_deepest) step();
    if (depth_ > k_deepest) return {};
    return std::move(tokens_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\n') {
      line_begins_ = true;
      ++at_;
    } else if (is_blank(c)) {
      ++at_;
    } else if (starts("//")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (starts("/*")) {
      const auto end = text_.find("*/", at_ + 2);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
    } else if (c == '#' && line_begins_) {
      add(CToken::Kind::directive, directive_end());
    } else if (is_digit(c)) {
      add(CToken::Kind::literal, end_of_word());
    } else if (is_c_word(c)) {
      add(CToken::Kind::word, end_of_word());
    } else if (c == '"' || c == '\'') {
      add(CToken::Kind::literal, literal_end(c));
    } else {
      add(CToken::Kind::sign, at_ + (starts("...") ? 3 : 1));
    }
  }

  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void add(CToken::Kind kind, std::size_t end) {
    if (is_bracket(k_open, text_[at_])) ++depth_;
    if (is_bracket(k_close, text_[at_]) && depth_ > 0) --depth_;
    tokens_.push_back({kind, text_.substr(at_, end - at_), at_});
    line_begins_ = false;
    at_ = end;
  }

  std::size_t end_of_word() const {
    auto end = at_;
    while (end < text_.size() && is_c_word(text_[end])) ++end;
    return end;
  }

  // The first end of line that neither a backslash nor a comment continues.
  std::size_t directive_end() const {
    for (auto i = at_; i < text_.size(); ++i) {
      if (text_[i] == '\n' && text_[i - 1] != '\\') return i;
      if (!text_.substr(i).starts_with("/*")) continue;
      const auto end = text_.find("*/", i + 2);
      if (end == std::string_view::npos) return text_.size();
      i = end + 1;
    }
    return text_.size();
  }

  // A literal that its line does not close ends with the line.
  std::size_t literal_end(char quote) const {
    for (auto i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] == '\n') return i;
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == quote)
        return i + 1;
    }
    return text_.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool line_begins_ = true;
  std::size_t depth_ = 0;  // of brackets
  std::vector<CToken> tokens_;
};

}  // namespace

bool is_c_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

std::vector<CToken> tokens_of(std::string_view text) { return Tokenizer(text).read(); }

std::size_t closing(CTokens tokens, std::size_t open) {
  std::size_t depth = 0;
  for (auto i = open; i < tokens.size(); ++i) {
    if (tokens[i].kind != CToken::Kind::sign) continue;
    const char sign = tokens[i].text.front();
    if (is_bracket(k_open, sign)) ++depth;
    if (is_bracket(k_close, sign) && --depth == 0) return i;
  }
  return tokens.size();
}

LineTable::LineTable(std::string_view text) {
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
    ends_.push_back(end);
}

int LineTable::of(std::size_t offset) const {
  return 1 + static_cast<int>(std::ranges::lower_bound(ends_, offset) - ends_.begin());
}

bool has_word(std::string_view text, std::string_view word) {
  if (word.empty()) return false;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_c_word(text[at - 1])) && (end == text.size() || !is_c_word(text[end])))
      return true;
  }
  return false;
}

std::string spelled(CTokens tokens) {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto& token = tokens[i];
    const bool pointer = token.is("(") && i + 1 < tokens.size() && tokens[i + 1].is("*");
    const bool word = token.kind != CToken::Kind::sign;
    const bool after_word = !text.empty() && (is_c_word(text.back()) || text.back() == '"');
    const bool after_star = !text.empty() && text.back() == '*';
    if ((word && (after_word || after_star || text.ends_with(','))) ||
        (!word && after_word && (token.is("*") || pointer)) ||
        (token.is("...") && text.ends_with(',')))
      text += ' ';
    text += token.text;
  }
  return text;
}

}  // namespace kobox
