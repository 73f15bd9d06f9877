// SPDX-License-Identifier: GPL-2.0-or-later
// KTAP version 1, Documentation/dev-tools/ktap.rst of the kernel; tools/testing/kunit reads it.
#include <algorithm>

#include "base/text.h"
#include "report/guest_text.h"
#include "report/render.h"

namespace kobox {
namespace {

// '#' would begin a directive.
std::string ktap_name(std::string_view text) {
  auto name = one_line(text);
  std::ranges::replace(name, '#', '_');
  return name.empty() ? "unnamed" : name;
}

void add_diagnostics(std::string& out, std::string_view text, std::string_view mark = "") {
  for (const auto line : lines_of(text)) out += fmt::format("  # {}{}\n", mark, printable(line));
}

void add_failure(std::string& out, const Failure& failure) {
  add_diagnostics(out, failure_headline(failure));
  if (const auto place = failure_place(failure); !place.empty())
    add_diagnostics(out, "in " + place);
  if (failure.api_change)
    for (const auto& line : api_change_lines(*failure.api_change)) add_diagnostics(out, line);
  for (const auto& line : failure.log) add_diagnostics(out, line, "| ");
  if (!failure.console.empty()) add_diagnostics(out, "console: " + failure.console);
  if (!failure.reproduce.empty()) add_diagnostics(out, "repeat: " + failure.reproduce);
}

std::string directive(const TestResult& test) {
  if (test.verdict == Verdict::skip) return " # SKIP " + one_line(test.skip_reason);
  if (!test.failure) return {};
  if (test.verdict == Verdict::error) return " # ERROR " + one_line(test.failure->message);
  if (test.failure->kind == FailureKind::hang) return " # TIMEOUT";
  return {};
}

std::string_view result(Verdict verdict) {
  return verdict == Verdict::pass || verdict == Verdict::skip ? "ok" : "not ok";
}

void add_run(std::string& out, const RunResult& run) {
  const auto tests = tests_of(run);
  out += "  KTAP version 1\n";
  out += "  # Subtest: " + ktap_name(run.kernel) + "\n";
  out += fmt::format("  1..{}\n", tests.size());
  for (std::size_t i = 0; i < tests.size(); ++i) {
    if (tests[i].failure) add_failure(out, *tests[i].failure);
    add_diagnostics(out, tests[i].note);
    auto line = fmt::format("  {} {} {}{}", result(tests[i].verdict), i + 1,
                            ktap_name(tests[i].name), directive(tests[i]));
    out += std::string(line.substr(0, line.find_last_not_of(' ') + 1)) + "\n";
  }
}

}  // namespace

std::string render_ktap(const Report& report) {
  std::string out = fmt::format("KTAP version 1\n1..{}\n", report.runs.size());
  for (std::size_t i = 0; i < report.runs.size(); ++i) {
    const auto& run = report.runs[i];
    add_run(out, run);
    out += fmt::format("{} {} {}{}\n", result(run.verdict), i + 1, ktap_name(run.kernel),
                       run.verdict == Verdict::skip ? " # SKIP" : "");
  }
  return out;
}

}  // namespace kobox
