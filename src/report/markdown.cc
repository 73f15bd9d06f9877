// SPDX-License-Identifier: GPL-2.0-or-later
// A report in GitHub's Markdown, for a comment on a pull request or a job's summary.
#include <algorithm>

#include "base/text.h"
#include "report/escape.h"
#include "report/guest_text.h"
#include "report/matrix.h"
#include "report/render.h"

namespace kobox {
namespace {

// A comment takes 65536 characters, a step's summary 1 MiB; one text serves for both.
constexpr std::size_t k_max_bytes = 65'000;
// Kept for the failures and for what is said of those that found no room.
constexpr std::size_t k_max_table = 30'000;
constexpr std::size_t k_max_failure = 8'000;
constexpr std::size_t k_max_words = 300;  // of a name or a message, in characters
constexpr std::size_t k_max_log_lines = 32;
constexpr std::size_t k_max_tests_named = 5;  // by a note
// With more tests than this only those are in the table that do not pass everywhere.
constexpr std::size_t k_max_rows = 60;

std::string_view sign_of(const std::optional<Verdict>& verdict) {
  if (!verdict) return "";
  switch (*verdict) {
    case Verdict::pass:
      return "✅";
    case Verdict::fail:
      return "❌";
    case Verdict::skip:
      return "skip";
    case Verdict::error:
      return "⚠️ error";
  }
  return "";
}

std::string code(std::string_view text) { return markdown_code(shortened(text, k_max_words)); }

bool passes_everywhere(const MatrixRow& row) {
  return std::ranges::all_of(row.cells,
                             [](const auto& cell) { return cell.verdict == Verdict::pass; });
}

std::string table_head(const MatrixView& view) {
  std::string head = "| |";
  std::string rule = "|---|";
  for (const auto& column : view.columns) {
    head += " " + markdown_text(shortened(column.label, k_max_words)) + " |";
    rule += ":---:|";
  }
  return head + "\n" + rule + "\n";
}

std::string table_row(const MatrixRow& row) {
  auto text = "| " + markdown_text(shortened(row.name, k_max_words)) + " |";
  for (const auto& cell : row.cells) text += fmt::format(" {} |", sign_of(cell.verdict));
  return text + "\n";
}

std::string render_table(const MatrixView& view) {
  if (view.rows.empty()) return "";
  auto text = table_head(view);
  if (text.size() > k_max_table)
    return fmt::format("The table of {} kernels is too large for GitHub.\n", view.columns.size());
  std::size_t passing = 0;
  std::size_t left_out = 0;
  for (const auto& row : view.rows) {
    if (view.rows.size() > k_max_rows && passes_everywhere(row)) {
      ++passing;
      continue;
    }
    auto line = table_row(row);
    if (text.size() + line.size() > k_max_table)
      ++left_out;
    else
      text += line;
  }
  if (passing > 0) text += fmt::format("\n{} more tests pass on every kernel.\n", passing);
  if (left_out > 0)
    text +=
        fmt::format("\n{} more tests are not shown, as GitHub takes no larger table.\n", left_out);
  return text;
}

// The lines in an element that GitHub takes as they are; CommonMark 4.6 ends it at "</pre>" alone.
std::string render_pre(const std::vector<std::string>& lines) {
  std::string text = "<pre>\n";
  std::size_t shown = 0;
  for (const auto& line : lines) {
    auto safe = html_text(line) + "\n";
    if (shown == k_max_log_lines || text.size() + safe.size() > k_max_failure) break;
    text += safe;
    ++shown;
  }
  if (shown < lines.size()) text += fmt::format("({} more lines)\n", lines.size() - shown);
  return text + "</pre>\n";
}

std::string render_one(const MatrixView& view, const MatrixFailure& one) {
  const auto& failure = one.failure;
  auto text =
      fmt::format("<details><summary>{} <b>{}</b> on {}: {}</summary>\n\n",
                  sign_of(verdict_of(failure.kind)), to_string(failure.kind),
                  markdown_text(shortened(kernels_in_words(view, one.columns), k_max_words)),
                  code(failure_reason(failure)));
  if (!one.tests.empty()) {
    text += "- tests: " + markdown_text(shortened(join(one.tests, ", "), k_max_words)) + "\n";
  }
  if (const auto place = failure_place(failure); !place.empty())
    text += "- where: " + code(place) + "\n";
  if (!failure.source.empty()) text += "- line: " + code(trim(failure.source)) + "\n";
  if (!failure.reproduce.empty()) text += "- repeat: " + code(failure.reproduce) + "\n";
  if (failure.api_change) {
    text += "- compiler: " + code(shortened(one_line(failure.message), k_max_words)) + "\n\n";
    text += render_pre(api_change_lines(*failure.api_change));
  }
  if (!failure.log.empty()) text += "\n" + render_pre(failure.log);
  return text + "\n</details>\n\n";
}

std::string render_notes(const MatrixView& view) {
  std::string text;
  std::size_t shown = 0;
  for (const auto& [said, tests, columns] : view.notes) {
    const auto place = place_in_words(view, tests, columns, k_max_tests_named);
    const auto line = "- " + markdown_text(shortened(place, k_max_words)) + ": " +
                      markdown_text(shortened(said, k_max_words)) + "\n";
    if (text.size() + line.size() > k_max_failure) break;
    text += line;
    ++shown;
  }
  if (view.notes.empty()) return "";
  if (const auto more = view.notes.size() - shown; more > 0)
    text += fmt::format("- {} more are not shown, as GitHub takes no longer text.\n", more);
  return "<details><summary>skipped tests and what else should be known</summary>\n\n" + text +
         "\n</details>\n\n";
}

std::string render_runs(const Report& report, const MatrixView& view) {
  std::string text;
  for (const auto& column : view.columns) {
    const auto& run = report.runs[column.run];
    const auto line = fmt::format(
        "- {}{}\n", markdown_text(shortened(render_run_counts(run, Color::off), k_max_words)),
        run.accel.empty() ? "" : " (" + markdown_text(run.accel) + ")");
    if (text.size() + line.size() > k_max_failure) return text + "- …\n";
    text += line;
  }
  return text;
}

}  // namespace

std::string render_markdown(const Report& report) {
  const auto view = matrix_of(report);
  auto text = fmt::format("### {} {}\n\n", sign_of(report.verdict),
                          markdown_text(shortened(report.module, k_max_words)));
  if (report.interrupted) text += "**Interrupted before all was run.**\n\n";
  if (report.runs.empty()) return text + "Nothing was run.\n";
  text += "**" + markdown_text(shortened(view.answer, 4 * k_max_words)) + "**\n\n";
  text += render_table(view) + "\n";
  const auto end = render_notes(view) + render_runs(report, view);
  std::size_t left_out = 0;
  for (const auto& one : view.failures) {
    const auto part = render_one(view, one);
    if (text.size() + part.size() + end.size() + 100 > k_max_bytes)
      ++left_out;
    else
      text += part;
  }
  if (left_out > 0)
    text += fmt::format("{} more failures are not shown, as GitHub takes no longer text.\n\n",
                        left_out);
  return text + end;
}

}  // namespace kobox
