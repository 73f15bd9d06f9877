// SPDX-License-Identifier: GPL-2.0-or-later
// Colours of the terminal.
#pragma once

#include <string>
#include <string_view>

#include "report/guest_text.h"
#include "report/render.h"

namespace kobox {

enum class Style { bold, dim, red, green, yellow };

// The text as it is where `color` is off.
std::string paint(std::string_view text, Style style, Color color);
// "pass ", "FAIL ", "ERROR", "skip ": the words, not only the colours, tell them apart; failures
// stand out among many lines.
std::string verdict_word(Verdict verdict, Color color);
// How a verdict is painted.
Style style_of(Verdict verdict);

// "2 passed, 1 failed, 1 skipped"
std::string counts_in_words(const Counts& counts, Color color);

}  // namespace kobox
