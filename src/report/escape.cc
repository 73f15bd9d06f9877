// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/escape.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/guest_text.h"

namespace kobox {
namespace {

std::string references_for(std::string_view text, std::string_view markup) {
  std::string safe;
  for (const char c : text) {
    if (markup.find(c) != markup.npos)
      safe += fmt::format("&#{};", static_cast<int>(c));
    else
      safe += c;
  }
  return safe;
}

// Everything that begins a construct inside a line: escapes, code, emphasis, links, HTML, entities,
// tables, strikethrough, mathematics, and what autolinks and names are known by.
constexpr std::string_view k_markdown = "\\`*_[]<>&|~$!@#";

// `more` behind each `what`, where `before` follows it.
void insert_behind(std::string& text, std::string_view what, std::string_view more,
                   std::string_view before = "") {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size()))
    if (text.compare(at + what.size(), before.size(), before) == 0)
      text.insert(at + what.size(), more);
}

}  // namespace

std::string html_text(std::string_view text) { return references_for(printable(text), "&<>\"'"); }

std::string markdown_text(std::string_view text) {
  auto safe = references_for(one_line(text), k_markdown);
  insert_behind(safe, "&#64;", "&#8203;");
  insert_behind(safe, "&#35;", "&#8203;");
  insert_behind(safe, "www", "&#8203;");
  insert_behind(safe, ":", "&#8203;", "//");
  return safe;
}

std::string markdown_code(std::string_view text) {
  return "<code>" + references_for(one_line(text), k_markdown) + "</code>";
}

}  // namespace kobox
