// SPDX-License-Identifier: GPL-2.0-or-later
// The text of a C header or source file as tokens: as much of C as it takes to find declarations
// without a compiler. Comments are left out; what a preprocessor would do is not done.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kobox {

struct CToken {
  enum class Kind {
    word,       // identifier or keyword
    literal,    // number, string, character
    sign,       // one character, or "..."
    directive,  // "#define X 1" as a whole, with the lines that continue it
  };
  Kind kind = Kind::sign;
  std::string_view text;  // into the text that was read
  std::size_t offset = 0;

  bool is(std::string_view what) const { return text == what; }
};

using CTokens = std::span<const CToken>;

// Takes anything: what is no C becomes signs. Of a text whose brackets are nested deeper than any C
// is (200), nothing: that bounds the time of closing(), and how deep its callers recurse.
std::vector<CToken> tokens_of(std::string_view text);

// The index of the bracket that closes the one at `open`, or the end if none does.
std::size_t closing(CTokens tokens, std::size_t open);

// The lines of a text by offset.
class LineTable {
 public:
  explicit LineTable(std::string_view text);
  int of(std::size_t offset) const;  // 1-based

 private:
  std::vector<std::size_t> ends_;
};

bool is_c_word(char c);
// Does `word` stand in the text as a whole word?
bool has_word(std::string_view text, std::string_view word);

// The tokens as the kernel's style spells a type: "const struct device *", "char **".
std::string spelled(CTokens tokens);

}  // namespace kobox
