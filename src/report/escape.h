// SPDX-License-Identifier: GPL-2.0-or-later
// Any text, made so that a page or a document shows it and does nothing else with it. Control
// characters and bytes that are not UTF-8 become \xNN (printable()).
#pragma once

#include <string>
#include <string_view>

namespace kobox {

// For HTML, between tags and in quoted attributes (HTML Standard, "Escaping a string").
std::string html_text(std::string_view text);

// For GitHub's Markdown, on one line, in a table's cell too: all that could be markup becomes a
// character reference, which never is (CommonMark 0.30, 6.2 "Entity and numeric character
// references"; GFM 4.10, 6.9). "@name" and "#1" notify and link nobody: GitHub looks for them in
// the finished text, so a zero-width space stands behind their first character.
std::string markdown_text(std::string_view text);
// The same as <code>, in which GitHub looks for no names.
std::string markdown_code(std::string_view text);

}  // namespace kobox
