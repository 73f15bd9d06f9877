// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a trace in a real browser: what it shows is what the JSON says, whatever the names.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "browser.h"
#include "report/trace_fixture.h"
#include "report/trace_render.h"

namespace kobox::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Uses the page as a reader does, and writes down what comes of it.
constexpr const char* k_reader = R"(
<pre id="probe"></pre><script>
const said = [];
addEventListener('error', event => said.push('error: ' + event.message));
const canvas = document.getElementById('line');
const box = canvas.getBoundingClientRect();
const at = (type, x, y, more) => new (type === 'wheel' ? WheelEvent : PointerEvent)(type,
    {clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true, ...more});
const span = () => document.getElementById('span').textContent;
const painted = () => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size;
said.push('painted: ' + (painted() > 4));
const whole = span();
canvas.dispatchEvent(at('wheel', 300, 20, {deltaY: -500}));
said.push('zoomed: ' + (span() !== whole));
document.getElementById('whole').click();
said.push('whole again: ' + (span() === whole));
const search = document.getElementById('search');
search.value = '0xC100';
search.dispatchEvent(new Event('input'));
said.push('found: ' + document.getElementById('found').textContent);
const tips = new Set();
for (let x = 0; x < box.width; ++x)
  for (let y = 5; y < box.height; y += 9) {
    canvas.dispatchEvent(at('pointermove', x, y));
    tips.add(document.getElementById('tip').textContent);
  }
said.push('tips: ' + JSON.stringify([...tips]));
said.push('broken: ' + (window.broken ?? 'no'));
document.getElementById('probe').textContent = said.join('\n');
</script>)";

class TracePageTest : public ::testing::Test {
 protected:
  TracePageTest() : directory_(TempDir::make(fs::temp_directory_path(), "kobox-page").value()) {
    feed_hostile_events(analysis_.sink());
  }
  std::string browse(const std::string& page) {
    auto seen = kobox::e2e::browse(page, directory_.path());
    console_ = std::move(seen.console);
    return std::move(seen.document);
  }
  TempDir directory_;
  TraceAnalysis analysis_;
  std::string console_;
};

// The text of an element, by its id.
std::string text_of(const std::string& document, const std::string& id) {
  const auto at = document.find(fmt::format("id=\"{}\"", id));
  if (at == std::string::npos) return "(no " + id + ")";
  const auto begin = document.find('>', at) + 1;
  auto text = document.substr(begin, document.find("</", begin) - begin);
  for (const auto& [code, sign] : {std::pair("&lt;", "<"), {"&gt;", ">"}, {"&amp;", "&"}})
    for (std::size_t from = 0; (from = text.find(code, from)) != std::string::npos; ++from)
      text.replace(from, std::strlen(code), sign);
  return text;
}

TEST_F(TracePageTest, ShowsWhatTheJsonSaysWhateverTheNames) {
  const TraceSymbols symbols;
  auto page = render_trace_html(hostile_facts(), analysis_, symbols);
  page.insert(page.rfind("</body>"), k_reader);
  const auto document = browse(page);
  const auto json = nlohmann::json::parse(render_trace_json(hostile_facts(), analysis_, symbols));

  EXPECT_THAT(console_, Not(HasSubstr("CONSOLE"))) << console_;
  EXPECT_EQ(text_of(document, "command"), std::string("echo ") + k_hostile);
  EXPECT_EQ(
      text_of(document, "sum"),
      fmt::format("{} VM exits in 5.8 µs, {} of them while a function of mod<i>ule was active",
                  json["exits"].get<int>(), json["module_exits"].get<int>()));
  const auto reasons = rows_of(document, "reasons");
  ASSERT_EQ(reasons.size(), json["reasons"].size());
  EXPECT_EQ(reasons[0], "io | 3 | 75.0 % | 750 ns | 250 ns | 250 ns | ");
  EXPECT_EQ(reasons[1], "<hlt> | 1 | 25.0 % | 250 ns | 250 ns | 250 ns | ");
  EXPECT_EQ(rows_of(document, "crossed").size(), json["functions_and_reasons"].size());
  EXPECT_EQ(rows_of(document, "paths").size(), 2U);
  const auto functions = rows_of(document, "functions");
  ASSERT_EQ(functions.size(), json["functions"].size());
  EXPECT_THAT(functions[0], StartsWith("0xc000 | 2 | "));
  EXPECT_THAT(rows_of(document, "targets").at(0), HasSubstr(k_hostile));
}

TEST_F(TracePageTest, TheTimeLineZoomsTellsAndFinds) {
  auto page = render_trace_html(hostile_facts(), analysis_, TraceSymbols());
  page.insert(page.rfind("</body>"), k_reader);
  const auto said = text_of(browse(page), "probe");
  for (const char* part : {"painted: true", "zoomed: true", "whole again: true", "found: 2 found",
                           "broken: no", "by 0xc000 through 0x8000", "= 0x41", "took 250 ns",
                           "0xc100\\n1.0 µs, took 1.0 µs", "did not return"})
    EXPECT_THAT(said, HasSubstr(part));
  EXPECT_THAT(said, Not(HasSubstr("error:")));
}

}  // namespace
}  // namespace kobox::e2e
