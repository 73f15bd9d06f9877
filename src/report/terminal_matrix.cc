// SPDX-License-Identifier: GPL-2.0-or-later
// A report on several kernels, for the terminal.
#include <algorithm>

#include "base/text.h"
#include "report/guest_text.h"
#include "report/paint.h"
#include "report/render.h"

namespace kobox {
namespace {

constexpr std::size_t k_width = 80;
constexpr std::size_t k_min_name = 24;  // of the tests' column, where names are that long
constexpr std::size_t k_max_label = 34;
constexpr std::size_t k_gap = 2;
constexpr std::size_t k_max_tests_named = 5;

std::string_view mark_of(const std::optional<Verdict>& verdict) {
  if (!verdict) return ".";
  switch (*verdict) {
    case Verdict::pass:
      return "ok";
    case Verdict::fail:
      return "FAIL";
    case Verdict::skip:
      return "skip";
    case Verdict::error:
      return "ERROR";
  }
  return ".";
}

std::string padded(std::string_view text, std::size_t width) {
  const auto used = characters_in(text);
  return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

// The name in lines of this width, cut at blanks where there are some; nothing of it is lost.
std::vector<std::string> wrapped(std::string_view name, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (const auto& word : split(name, ' ')) {
    auto rest = std::string_view(word);
    if (!line.empty() && characters_in(line) + 1 + characters_in(rest) > width)
      lines.push_back(std::exchange(line, "  "));
    else if (!line.empty())
      line += ' ';
    for (; characters_in(line) + characters_in(rest) > width;) {
      const auto bytes = bytes_of_first(rest, width - characters_in(line));
      lines.push_back(std::exchange(line, "  ") + std::string(rest.substr(0, bytes)));
      rest.remove_prefix(bytes);
    }
    line += rest;
  }
  lines.push_back(line);
  return lines;
}

struct Layout {
  std::size_t name = 0;             // the width of the tests' column
  std::vector<std::size_t> widths;  // of each kernel's
  std::vector<std::string> labels;
};

Layout layout_of(const MatrixView& view) {
  Layout layout;
  for (const auto& row : view.rows)
    layout.name = std::max(layout.name, characters_in(one_line(row.name)));
  std::size_t all = 0;
  for (std::size_t column = 0; column < view.columns.size(); ++column) {
    layout.labels.push_back(shortened(view.columns[column].label, k_max_label));
    auto width = characters_in(layout.labels.back());
    for (const auto& row : view.rows)
      width = std::max(width, mark_of(row.cells[column].verdict).size());
    layout.widths.push_back(width);
    all += k_gap + width;
  }
  // Long names make room for kernels, down to a width in which they can still be read.
  const auto room = k_width > all ? k_width - all : 0;
  layout.name = std::min(layout.name, std::max(room, k_min_name));
  return layout;
}

std::string render_row(const MatrixRow& row, const Layout& layout, std::size_t from, std::size_t to,
                       Color color) {
  const auto names = wrapped(one_line(row.name), layout.name);
  auto text = padded(names.front(), layout.name);
  for (auto column = from; column < to; ++column) {
    const auto& verdict = row.cells[column].verdict;
    const auto mark = padded(mark_of(verdict), column + 1 < to ? layout.widths[column] : 0);
    text += std::string(k_gap, ' ') +
            (verdict ? paint(mark, style_of(*verdict), color) : paint(mark, Style::dim, color));
  }
  text += "\n";
  for (std::size_t i = 1; i < names.size(); ++i) text += names[i] + "\n";
  return text;
}

std::string render_block(const MatrixView& view, const Layout& layout, std::size_t from,
                         std::size_t to, Color color) {
  std::string head(layout.name, ' ');
  for (auto column = from; column < to; ++column)
    head += std::string(k_gap, ' ') +
            padded(layout.labels[column], column + 1 < to ? layout.widths[column] : 0);
  auto text = paint(head, Style::bold, color) + "\n";
  for (const auto& row : view.rows) text += render_row(row, layout, from, to, color);
  return text;
}

std::string render_different(const MatrixView& view, Color color) {
  std::string text;
  for (const auto& one : view.failures)
    text += "\n" + render_failure(place_in_words(view, one.tests, one.columns, k_max_tests_named),
                                  one.failure, color);
  return text;
}

std::string render_end(const Report& report, const MatrixView& view, Color color) {
  return "\n" + render_summary(report, color) + "\n" + paint(view.answer, Style::bold, color) +
         "\n";
}

std::string render_notes(const MatrixView& view, Color color) {
  if (view.notes.empty()) return "";
  auto text = "\n" + paint("notes", Style::bold, color) + "\n";
  for (const auto& [said, tests, columns] : view.notes)
    text += "  " + place_in_words(view, tests, columns, k_max_tests_named) + ": " +
            paint(said, Style::dim, color) + "\n";
  return text;
}

}  // namespace

std::string render_table(const MatrixView& view, Color color) {
  const auto layout = layout_of(view);
  std::string text;
  for (std::size_t from = 0; from < view.columns.size();) {
    auto to = from;
    auto used = layout.name;
    while (to < view.columns.size() && (to == from || used + k_gap + layout.widths[to] <= k_width))
      used += k_gap + layout.widths[to++];
    if (from > 0) text += "\n";
    if (from > 0 || to < view.columns.size())
      text += paint(fmt::format("kernels {} to {} of {}", from + 1, to, view.columns.size()),
                    Style::dim, color) +
              "\n";
    text += render_block(view, layout, from, to, color);
    from = to;
  }
  const auto unknown = [](const MatrixRow& row) {
    return std::ranges::any_of(row.cells, [](const auto& cell) { return !cell.verdict; });
  };
  if (std::ranges::any_of(view.rows, unknown))
    text += paint("(. was not run)", Style::dim, color) + "\n";
  return text;
}

std::string render_matrix(const Report& report, Color color) {
  const auto view = matrix_of(report);
  return render_table(view, color) + render_different(view, color) + render_notes(view, color) +
         render_end(report, view, color);
}

std::string render_matrix_failures(const Report& report, Color color) {
  const auto view = matrix_of(report);
  return render_different(view, color) + render_end(report, view, color);
}

}  // namespace kobox
