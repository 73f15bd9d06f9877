// SPDX-License-Identifier: GPL-2.0-or-later
// A report on several kernels as one reads it: kernels across, tests down, each different failure
// once, and a sentence that says where the module works. A pure value; the renderers write it down.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verdict/verdict.h"

namespace kobox {

struct MatrixColumn {
  std::size_t run = 0;  // in Report::runs
  // As short as it can be without being another column's: "6.12", "6.12-cloud", the whole release.
  std::string label;
};

struct MatrixCell {
  std::optional<Verdict> verdict;  // nothing: not known, as the test is not in this run
  double seconds = 0;
  std::optional<std::size_t> failure;  // in MatrixView::failures
};

struct MatrixRow {
  std::string name;  // of a test; of a failure outside any test its kind
  bool outside = false;
  std::vector<MatrixCell> cells;  // one a column
};

// Failures of one kind, place and message, numbers aside that differ from machine to machine.
struct MatrixFailure {
  Failure failure;                   // the first, in the order of the columns
  std::vector<std::size_t> columns;  // that it concerns, rising
  std::vector<std::string> tests;    // that it concerns; none: it was outside any test
};

// What else should be known of results: why tests were skipped, what could not be looked at.
struct MatrixNote {
  std::string text;                  // on one line, harmless
  std::vector<std::string> tests;    // the text is of each of them
  std::vector<std::size_t> columns;  // on each of these, rising
};

struct MatrixView {
  std::vector<MatrixColumn> columns;  // the oldest kernel first
  std::vector<MatrixRow> rows;        // failures outside any test first, then tests
  std::vector<MatrixFailure> failures;
  std::vector<MatrixNote> notes;
  // "builds and passes on 5.10 to 6.12; fails to build from 7.2 on: MESSAGE"
  std::string answer;
};

MatrixView matrix_of(const Report& report);

// Is kernel `a` older than `b`, by the numbers in their names? "~rc1" comes before the release.
bool older_kernel(std::string_view a, std::string_view b);

// "5.10 to 6.12", "7.2 and 7.3", "6.1, 6.12 to 7.2": the columns with these (rising) numbers.
std::string kernels_in_words(const MatrixView& view, const std::vector<std::size_t>& columns);

// "takes a message, greets and 3 more, on 6.1 and 6.12": at most `max_tests` tests are named. On
// one line, harmless. Without tests "on 6.1 and 6.12".
std::string place_in_words(const MatrixView& view, const std::vector<std::string>& tests,
                           const std::vector<std::size_t>& columns, std::size_t max_tests);

// A message without what differs between two runs of the same: addresses, process numbers, times.
std::string normalized_message(std::string_view message);

}  // namespace kobox
