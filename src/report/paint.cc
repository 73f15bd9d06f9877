// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/paint.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace kobox {

std::string paint(std::string_view text, Style style, Color color) {
  constexpr std::array<std::string_view, 5> k_codes = {"1", "2", "1;31", "32", "33"};
  if (color == Color::off) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", k_codes[static_cast<std::size_t>(style)], text);
}

Style style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return Style::green;
    case Verdict::skip:
      return Style::yellow;
    case Verdict::fail:
    case Verdict::error:
      break;
  }
  return Style::red;
}

std::string verdict_word(Verdict verdict, Color color) {
  constexpr std::array<std::string_view, 4> k_words = {"pass ", "FAIL ", "skip ", "ERROR"};
  return paint(k_words[static_cast<std::size_t>(verdict)], style_of(verdict), color);
}

std::string counts_in_words(const Counts& counts, Color color) {
  std::vector<std::string> parts;
  const auto add = [&](int number, std::string_view what, Style style) {
    if (number > 0) parts.push_back(paint(fmt::format("{} {}", number, what), style, color));
  };
  add(counts.passed, "passed", Style::green);
  add(counts.failed, "failed", Style::red);
  add(counts.errors, counts.errors == 1 ? "error" : "errors", Style::red);
  add(counts.skipped, "skipped", Style::yellow);
  return parts.empty() ? "nothing was run" : join(parts, ", ");
}

}  // namespace kobox
