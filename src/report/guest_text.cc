// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/guest_text.h"

#include <algorithm>

#include "base/text.h"

namespace kobox {

std::string one_line(std::string_view text) {
  auto line = printable(trim(text));
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
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
