// SPDX-License-Identifier: GPL-2.0-or-later
#include "browser.h"

#include <gtest/gtest.h>

#include <pugixml.hpp>

#include "tool.h"

namespace kobox::e2e {
namespace {

// All text in an element, that of its children included.
std::string text_in(const pugi::xml_node& node) {
  std::string text;
  for (const auto& part : node.select_nodes(".//text()")) {
    if (!text.empty()) text += " ";
    text += part.node().value();
  }
  return text;
}

}  // namespace

Browsed browse(const std::string& page, const std::filesystem::path& directory) {
  const auto chromium = find_program("chromium");
  EXPECT_TRUE(chromium) << "chromium is not installed";
  if (!chromium) return {};
  const auto file = directory / "page.html";
  EXPECT_TRUE(write_file(file, page));
  const auto done = run_command(
      {.argv = {chromium->string(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--enable-logging=stderr", "--window-size=1200,900",
                "--virtual-time-budget=5000", "--dump-dom",
                "--user-data-dir=" + (directory / "profile").string(), "file://" + file.string()}},
      {.deadline = Deadline::after(60s)}, Streams::separate);
  EXPECT_TRUE(done && done->status.success());
  if (!done) return {};
  return {.document = done->output, .console = done->error};
}

std::vector<std::string> rows_of(const std::string& document, const std::string& id, Cells which) {
  std::vector<std::string> rows;
  const auto name = document.find(fmt::format("id=\"{}\"", id));
  const auto begin = document.rfind("<table", name);
  const auto end = document.find("</table>", begin);
  if (name == std::string::npos || begin == std::string::npos || end == std::string::npos)
    return rows;
  pugi::xml_document table;
  EXPECT_TRUE(table.load_string(document.substr(begin, end + 8 - begin).c_str()));
  for (const auto& row : table.child("table").child("tbody").children("tr")) {
    std::string cells;
    for (const auto& cell : row.children()) {
      if (which == Cells::all || std::string_view(cell.name()) == "td")
        cells += text_in(cell) + " | ";
    }
    rows.push_back(cells);
  }
  return rows;
}

}  // namespace kobox::e2e
