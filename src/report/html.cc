// SPDX-License-Identifier: GPL-2.0-or-later
// A report as one page that needs no network, no script and no other file.
#include "base/text.h"
#include "report/escape.h"
#include "report/guest_text.h"
#include "report/matrix.h"
#include "report/paint.h"
#include "report/render.h"
#include "report/report_page.h"

namespace kobox {
namespace {

// Of a kernel on which no test was run.
std::string time_or_nothing(double seconds) { return seconds > 0 ? time_of(seconds) : ""; }

std::string element(std::string_view name, std::string_view content, std::string_view kind = "") {
  if (kind.empty()) return fmt::format("<{}>{}</{}>", name, content, name);
  return fmt::format("<{} class=\"{}\">{}</{}>", name, kind, content, name);
}

std::string_view word_of(Verdict verdict) {
  return verdict == Verdict::pass ? "ok" : to_string(verdict);
}

std::string render_head(const Report& report, const MatrixView& view) {
  const auto title =
      html_text(one_line(report.module)) + ": " + std::string(to_string(report.verdict));
  // The page is of a guest's words: it must not do or load anything, whatever they are.
  auto text = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
      title, k_report_page_style);
  text +=
      fmt::format("<h1>{} <span class=\"{}\">{}</span></h1>\n", html_text(one_line(report.module)),
                  to_string(report.verdict), to_string(report.verdict));
  if (report.interrupted) text += element("p", "Interrupted before all was run.", "error") + "\n";
  const auto answer = report.runs.empty() ? "nothing was run" : view.answer;
  return text + element("p", html_text(answer), "answer") + "\n";
}

std::string render_cell(const MatrixCell& cell) {
  if (!cell.verdict) return element("td", "", "soft");
  std::string content(word_of(*cell.verdict));
  if (cell.failure) content = fmt::format("<a href=\"#f{}\">{}</a>", *cell.failure + 1, content);
  if (cell.seconds > 0) content += element("small", time_of(cell.seconds));
  return element("td", content, to_string(*cell.verdict));
}

std::string render_matrix_table(const Report& report, const MatrixView& view) {
  if (view.rows.empty()) return "";
  std::string text =
      "<h2>Kernels and tests</h2>\n<div class=\"scroll\"><table class=\"matrix\" id=\"matrix\">\n"
      "<thead><tr><th></th>";
  for (const auto& column : view.columns)
    text += fmt::format("<th title=\"{}\">{}</th>", html_text(report.runs[column.run].kernel),
                        html_text(column.label));
  text += "</tr></thead>\n<tbody>\n";
  for (const auto& row : view.rows) {
    text += "<tr>" + element("th", html_text(one_line(row.name)), row.outside ? "soft" : "");
    for (const auto& cell : row.cells) text += render_cell(cell);
    text += "</tr>\n";
  }
  text += "</tbody>\n<tfoot><tr><th>time</th>";
  for (const auto& column : view.columns)
    text += element("td", time_or_nothing(count(report.runs[column.run].tests).seconds));
  return text + "</tr></tfoot>\n</table></div>\n";
}

std::string definition(std::string_view term, const std::string& content) {
  return content.empty() ? "" : element("dt", term) + element("dd", content) + "\n";
}

std::string code(std::string_view text) {
  return text.empty() ? "" : element("code", html_text(one_line(text)));
}

std::string folded(std::string_view title, std::string_view text, bool open) {
  if (text.empty()) return "";
  return fmt::format("<details{}><summary>{}</summary><pre>{}</pre></details>\n",
                     open ? " open" : "", title, html_text(text));
}

std::string source_of(const Failure& failure) {
  if (failure.source.empty()) return "";
  const auto number = failure.line > 0 ? std::to_string(failure.line) : "";
  return fmt::format("<pre class=\"source\"><b>{} | </b>{}</pre>\n", number,
                     html_text(one_line(failure.source)));
}

std::string render_one(const MatrixView& view, std::size_t number, const ConsoleOf& console) {
  const auto& one = view.failures[number];
  const auto& failure = one.failure;
  auto text = fmt::format(
      "<article class=\"failure\" id=\"f{}\">\n<h3><span class=\"{}\">{}</span> {}</h3>\n<dl>\n",
      number + 1, to_string(verdict_of(failure.kind)), to_string(failure.kind),
      html_text(failure_reason(failure)));
  text += definition("kernels", html_text(kernels_in_words(view, one.columns)));
  text += definition("tests", html_text(join(one.tests, ", ")));
  text += definition("where", code(failure_place(failure)));
  text += definition("repeat", code(failure.reproduce));
  text += definition(failure.kind == FailureKind::build ? "whole log" : "console",
                     code(failure.console));
  text += "</dl>\n" + source_of(failure);
  if (failure.api_change)
    text +=
        folded("headers",
               failure.message + "\n\n" + join(api_change_lines(*failure.api_change), "\n"), true);
  text += folded("log", join(failure.log, "\n"), true);
  if (console && !failure.console.empty())
    text += folded("end of the console", console(failure.console), false);
  return text + "</article>\n";
}

std::string render_runs(const Report& report, const MatrixView& view) {
  std::string text =
      "<h2>Kernels</h2>\n<div class=\"scroll\"><table class=\"runs\" id=\"runs\">\n<thead><tr>"
      "<th>kernel</th><th>results</th><th>accelerator</th><th>time</th></tr></thead>\n<tbody>\n";
  for (const auto& column : view.columns) {
    const auto& run = report.runs[column.run];
    const auto tests = tests_of(run);
    auto accel = html_text(one_line(run.accel));
    if (!run.accel_reason.empty())
      accel += " " + element("span", html_text(one_line(run.accel_reason)), "soft");
    text += "<tr>" + element("td", html_text(one_line(run.kernel))) +
            element("td", html_text(counts_in_words(count(tests), Color::off)),
                    to_string(run.verdict)) +
            element("td", accel) + element("td", time_or_nothing(count(tests).seconds)) + "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

std::string render_notes(const MatrixView& view) {
  std::string text;
  for (const auto& [said, tests, columns] : view.notes)
    text +=
        element("li", html_text(place_in_words(view, tests, columns, tests.size()) + ": " + said)) +
        "\n";
  if (text.empty()) return "";
  return "<h2>Notes</h2>\n<details><summary>skipped tests and what else should be known</summary>"
         "<ul>\n" +
         text + "</ul></details>\n";
}

}  // namespace

std::string render_html(const Report& report, const ConsoleOf& console) {
  const auto view = matrix_of(report);
  auto text = render_head(report, view);
  text += render_matrix_table(report, view);
  if (!view.failures.empty()) text += "<h2>Failures</h2>\n";
  for (std::size_t i = 0; i < view.failures.size(); ++i) text += render_one(view, i, console);
  if (!report.runs.empty()) text += render_runs(report, view);
  text += render_notes(view);
  return text +
         "<footer>Made by kobox from a report of kobox.report/1.</footer>\n</body>\n</html>\n";
}

}  // namespace kobox
