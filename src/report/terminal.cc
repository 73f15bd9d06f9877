// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "base/text.h"
#include "report/guest_text.h"
#include "report/paint.h"
#include "report/render.h"

namespace kobox {
namespace {

// A report of the kernel's own may have 200 lines; the console log has them all.
constexpr std::size_t k_max_log_lines = 32;

// "  console      /path": the values stand under each other, "environment" being the longest label.
std::string labelled(std::string_view label, std::string_view value, Color color) {
  return fmt::format("  {}  {}\n", paint(fmt::format("{:<11}", label), Style::dim, color), value);
}

std::string render_place(const Failure& failure, Color color) {
  std::string text;
  if (const auto place = failure_place(failure); !place.empty())
    text += labelled("where", paint(place, Style::bold, color), color);
  if (failure.source.empty()) return text;
  const auto number = failure.line > 0 ? fmt::format("{} ", failure.line) : "";
  return text + labelled("",
                         paint(number + "|", Style::dim, color) + " " + one_line(failure.source),
                         color);
}

std::string render_change(const ApiChange& change, Color color) {
  const auto* label = change.summary.empty() ? "compare" : "changed";
  std::string text;
  for (const auto& line : api_change_lines(change))
    text += labelled(text.empty() ? label : "", line, color);
  return text;
}

std::string render_log(const Failure& failure, Color color) {
  if (failure.log.empty()) return {};
  std::string text = "  " + paint("log", Style::dim, color) + "\n";
  const auto bar = "    " + paint("|", Style::dim, color) + " ";
  const auto shown = std::min(failure.log.size(), k_max_log_lines);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto line = printable(failure.log[i]);
    for (const auto part : lines_of(line)) text += bar + std::string(part) + "\n";
  }
  if (const auto more = failure.log.size() - shown; more > 0)
    text += bar + paint(fmt::format("({} more lines)", more), Style::dim, color) + "\n";
  return text;
}

std::string render_failures(const RunResult& run, Color color) {
  std::string text;
  if (run.failure) text += "\n" + render_failure(one_line(run.kernel), *run.failure, color);
  for (const auto& test : run.tests) {
    if (test.failure) text += "\n" + render_failure(test.name, *test.failure, color);
  }
  return text;
}

std::string render_run_summary(const RunResult& run, Color color) {
  auto text = render_run_counts(run, color);
  if (run.accel.empty()) return text + "\n";
  text += " (" + one_line(run.accel);
  if (!run.accel_reason.empty()) text += ": " + one_line(run.accel_reason);
  return text + ")\n";
}

}  // namespace

std::string render_run_header(const RunResult& run, Color color) {
  auto text = paint(one_line(run.kernel), Style::bold, color);
  if (!run.accel.empty()) text += paint(" (" + one_line(run.accel) + ")", Style::dim, color);
  return text + "\n";
}

std::string render_test_line(const TestResult& test, Color color) {
  const auto time = test.verdict == Verdict::skip ? "-" : time_of(test.seconds);
  auto text =
      fmt::format("  {}  {}  {}", verdict_word(test.verdict, color),
                  paint(fmt::format("{:>10}", time), Style::dim, color), one_line(test.name));
  if (test.verdict == Verdict::skip && !test.skip_reason.empty())
    text += paint(" (" + one_line(test.skip_reason) + ")", Style::dim, color);
  text += "\n";
  if (!test.note.empty())
    text += paint("                    " + one_line(test.note), Style::dim, color) + "\n";
  return text;
}

std::string render_failure(const std::string& title, const Failure& failure, Color color) {
  std::string text = fmt::format("{} {}\n", verdict_word(verdict_of(failure.kind), color),
                                 paint(one_line(title), Style::bold, color));
  text += labelled(to_string(failure.kind), one_line(failure.message), color);
  text += render_place(failure, color);
  if (failure.api_change) text += render_change(*failure.api_change, color);
  text += render_log(failure, color);
  if (!failure.console.empty())
    text += labelled(failure.kind == FailureKind::build ? "whole log" : "console",
                     one_line(failure.console), color);
  if (!failure.reproduce.empty()) text += labelled("repeat", one_line(failure.reproduce), color);
  return text;
}

std::string render_api_changes(const Report& report, Color color) {
  struct Cause {
    const ApiChange* change;
    std::string kernels;
  };
  std::vector<Cause> causes;
  for (const auto& run : report.runs) {
    if (!run.failure || !run.failure->api_change) continue;
    const auto& change = *run.failure->api_change;
    const auto known = std::ranges::find_if(causes, [&](const Cause& one) {
      return one.change->name == change.name && one.change->summary == change.summary &&
             one.change->advice == change.advice;
    });
    if (known == causes.end())
      causes.push_back({&change, one_line(run.kernel)});
    else
      known->kernels += ", " + one_line(run.kernel);
  }
  std::string text;
  for (const auto& [change, kernels] : causes)
    text += "\n" + paint("why it does not build on " + kernels, Style::bold, color) + "\n" +
            render_change(*change, color);
  return text.empty() ? "" : text + "\n";
}

std::string render_run_counts(const RunResult& run, Color color) {
  return counts_in_words(count(tests_of(run)), color) + " on " + one_line(run.kernel);
}

std::string render_summary(const Report& report, Color color) {
  std::string text;
  for (const auto& run : report.runs) text += render_run_summary(run, color);
  return text.empty() ? "nothing was run\n" : text;
}

std::string render_terminal(const Report& report, Color color) {
  if (report.runs.size() > 1) return render_matrix(report, color);
  std::string text;
  for (const auto& run : report.runs) {
    text += render_run_header(run, color);
    if (run.failure)
      text += fmt::format("  {}  {}\n", verdict_word(verdict_of(run.failure->kind), color),
                          failure_headline(*run.failure));
    for (const auto& test : run.tests) text += render_test_line(test, color);
    text += render_failures(run, color);
  }
  return text + (text.empty() ? "" : "\n") + render_summary(report, color);
}

}  // namespace kobox
