// SPDX-License-Identifier: GPL-2.0-or-later
#include <string_view>

#include "report/trace_json.h"
#include "report/trace_page.h"
#include "report/trace_render.h"

namespace kobox {
namespace {

// JSON that may stand in a script element: nothing in it can end the element or begin a comment
// (HTML Standard, "Restrictions for contents of script elements").
std::string for_script(std::string json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      text += "\\u003c";
    else if (c == '>')
      text += "\\u003e";
    else if (c == '&')
      text += "\\u0026";
    else
      text += c;
  }
  return text;
}

}  // namespace

std::string render_trace_html(const TraceFacts& facts, const TraceAnalysis& analysis,
                              const TraceSymbols& symbols) {
  constexpr std::string_view k_place = "KOBOX_TRACE_DATA";
  std::string page = k_trace_page;
  using nlohmann::ordered_json;
  const auto json = trace_json(facts, analysis, symbols)
                        .dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  page.replace(page.find(k_place), k_place.size(), for_script(json));
  return page;
}

}  // namespace kobox
