// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/guest_text.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace kobox {

std::string one_line(std::string_view text) {
  auto line = printable(trim(text));
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

std::size_t characters_in(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::size_t bytes_of_first(std::string_view text, std::size_t characters) {
  std::size_t seen = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end)
    if (begins_character(text[end]) && ++seen > characters) break;
  return end;
}

std::string shortened(std::string_view text, std::size_t characters) {
  if (characters_in(text) <= characters) return std::string(text);
  return std::string(text.substr(0, bytes_of_first(text, characters - 1))) + "…";
}

std::string time_of(double seconds) {
  return format_duration(Duration(std::llround(seconds * 1000)));
}

std::string in_quotes(std::string_view text) { return "'" + shortened(one_line(text), 60) + "'"; }

std::string failure_reason(const Failure& failure) {
  const auto& change = failure.api_change;
  return one_line(change && !change->summary.empty() ? change->summary : failure.message);
}

std::string failure_headline(const Failure& failure) {
  const auto message = one_line(failure.message);
  const auto kind = std::string(to_string(failure.kind));
  return message.empty() ? kind : kind + ": " + message;
}

std::string failure_place(const Failure& failure) {
  std::string place = one_line(failure.function);
  if (failure.file.empty()) return place;
  if (!place.empty()) place += " at ";
  place += one_line(failure.file);
  if (failure.line > 0) place += ":" + std::to_string(failure.line);
  return place;
}

namespace {

// Blanks of any kind that only align something become one.
std::string code_line(std::string_view line) {
  const auto text = printable(line);
  std::string shown;
  for (const char c : text) {
    const bool indents = shown.find_first_not_of(' ') == std::string::npos;
    if (c == '\t' && indents)
      shown += "    ";
    else if (c != '\t' && c != ' ')
      shown += c;
    else if (indents || !shown.ends_with(' '))
      shown += ' ';
  }
  return shown;
}

void add_declaration(std::vector<std::string>& lines, const std::optional<Declaration>& one) {
  if (!one) return;
  auto place = one_line(one->kernel) + ": " + one_line(one->file);
  if (one->line > 0) place += ":" + std::to_string(one->line);
  lines.push_back(std::move(place));
  for (const auto line : lines_of(one->text)) lines.push_back("    " + code_line(line));
}

}  // namespace

std::vector<std::string> api_change_lines(const ApiChange& change) {
  std::vector<std::string> lines;
  for (const auto& words : {change.summary, change.advice})
    if (!words.empty()) lines.push_back(one_line(words));
  add_declaration(lines, change.here);
  add_declaration(lines, change.there);
  return lines;
}

void Counts::add(const Counts& other) {
  passed += other.passed;
  failed += other.failed;
  errors += other.errors;
  skipped += other.skipped;
  seconds += other.seconds;
}

std::vector<TestResult> tests_of(const RunResult& run) {
  std::vector<TestResult> tests;
  if (run.failure)
    tests.push_back(judged_test(std::string(to_string(run.failure->kind)), run.failure));
  tests.insert(tests.end(), run.tests.begin(), run.tests.end());
  return tests;
}

Counts count(const std::vector<TestResult>& tests) {
  Counts counts;
  for (const auto& test : tests) {
    counts.seconds += test.seconds;
    switch (test.verdict) {
      case Verdict::pass:
        ++counts.passed;
        break;
      case Verdict::fail:
        ++counts.failed;
        break;
      case Verdict::error:
        ++counts.errors;
        break;
      case Verdict::skip:
        ++counts.skipped;
        break;
    }
  }
  return counts;
}

}  // namespace kobox
