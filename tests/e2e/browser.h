// SPDX-License-Identifier: GPL-2.0-or-later
// A page of kobox's in a real browser, headless Chromium.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kobox::e2e {

struct Browsed {
  std::string document;  // after its scripts have run; "" if the browser failed, as the test has
  std::string console;   // what the browser said: blocked loads, errors of scripts
};

// Opens the page, from a file in `directory`.
Browsed browse(const std::string& page, const std::filesystem::path& directory);

// The cells of a table's body, row by row: "a | b | ". `head`: <th> cells too.
enum class Cells { data, all };
std::vector<std::string> rows_of(const std::string& document, const std::string& id,
                                 Cells cells = Cells::data);

}  // namespace kobox::e2e
