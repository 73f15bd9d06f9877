// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/matrix.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "base/regex.h"
#include "base/text.h"
#include "report/guest_text.h"
#include "report/matrix_answer.h"

namespace kobox {
namespace {

// What a Debian release or a selector says of its kernel: "6.1.0-56-cloud-amd64" is of line "6.1"
// and flavour "cloud".
struct KernelName {
  std::string line;
  std::string flavour;
  std::string whole;
};

KernelName parts_of(const std::string& kernel) {
  static const auto pattern = Regex::compile(R"((\d+\.\d+)(?:[-.+~].*)?)").value();
  static const auto flavours = Regex::compile(R"(-(cloud|rt)(?:-|$))").value();
  KernelName name{.whole = one_line(kernel)};
  if (const auto parts = pattern.match(kernel)) {
    name.line = (*parts)[1];
    if (const auto flavour = flavours.find(kernel)) name.flavour = (*flavour)[1];
  }
  return name;
}

// The shortest form in which no two of them are the same. Of two runs on the very same kernel the
// later one gets a number.
std::vector<std::string> labels_of(const std::vector<KernelName>& names) {
  const auto in_form = [](const KernelName& name, int form) {
    if (name.line.empty() || form == 2) return name.whole;
    return form == 0 || name.flavour.empty() ? name.line : name.line + "-" + name.flavour;
  };
  for (int form = 0; form < 3; ++form) {
    std::vector<std::string> labels;
    for (const auto& name : names) labels.push_back(in_form(name, form));
    auto sorted = labels;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) == sorted.end()) return labels;
  }
  std::vector<std::string> labels;
  std::map<std::string, int> seen;
  for (const auto& name : names) {
    const int times = ++seen[name.whole];
    labels.push_back(times == 1 ? name.whole : fmt::format("{} ({})", name.whole, times));
  }
  return labels;
}

std::vector<MatrixColumn> columns_of(const Report& report) {
  std::vector<MatrixColumn> columns(report.runs.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].run = i;
  std::ranges::stable_sort(columns, [&](const MatrixColumn& a, const MatrixColumn& b) {
    return older_kernel(report.runs[a.run].kernel, report.runs[b.run].kernel);
  });
  std::vector<KernelName> names;
  for (const auto& column : columns) names.push_back(parts_of(report.runs[column.run].kernel));
  const auto labels = labels_of(names);
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].label = labels[i];
  return columns;
}

// Collects the different failures.
class Failures {
 public:
  explicit Failures(std::vector<MatrixFailure>& failures) : failures_(failures) {}

  // Gives its number. `test`: "" outside any.
  std::size_t add(const Failure& failure, std::size_t column, const std::string& test) {
    // What explains a build's failure is the same where the compiler's words are not.
    const Key key{test.empty(), failure.kind, failure.function,
                  failure.file, failure.line, normalized_message(failure_reason(failure))};
    const auto [at, fresh] = known_.try_emplace(key, failures_.size());
    if (fresh) failures_.push_back({.failure = failure, .columns = {}, .tests = {}});
    auto& one = failures_[at->second];
    if (one.columns.empty() || one.columns.back() != column) one.columns.push_back(column);
    if (!test.empty() && std::ranges::find(one.tests, test) == one.tests.end())
      one.tests.push_back(test);
    return at->second;
  }

 private:
  using Key = std::tuple<bool, FailureKind, std::string, std::string, int, std::string>;
  std::vector<MatrixFailure>& failures_;
  std::map<Key, std::size_t> known_;
};

// Collects the notes. What is said of several tests on the same kernels is one.
class Notes {
 public:
  void add(const TestResult& test, std::size_t column) {
    for (const auto& said : {test.skip_reason, test.note}) {
      if (said.empty()) continue;
      const auto [at, fresh] = known_.try_emplace({said, test.name}, notes_.size());
      if (fresh) notes_.push_back({.text = one_line(said), .tests = {test.name}, .columns = {}});
      auto& columns = notes_[at->second].columns;
      if (columns.empty() || columns.back() != column) columns.push_back(column);
    }
  }

  std::vector<MatrixNote> together() const {
    std::vector<MatrixNote> notes;
    std::map<std::pair<std::string, std::vector<std::size_t>>, std::size_t> same;
    for (const auto& note : notes_) {
      const auto [at, fresh] = same.try_emplace({note.text, note.columns}, notes.size());
      if (fresh)
        notes.push_back(note);
      else
        notes[at->second].tests.push_back(note.tests.front());
    }
    return notes;
  }

 private:
  std::vector<MatrixNote> notes_;  // each of one test
  std::map<std::pair<std::string, std::string>, std::size_t> known_;
};

// Collects the rows. Tests stand in the order of the first run that has them; one that only a later
// run has stands behind its neighbour there.
class Rows {
 public:
  Rows(std::vector<MatrixRow>& rows, std::size_t columns) : rows_(rows), columns_(columns) {}

  MatrixCell& cell(const std::string& name, bool outside, std::size_t column) {
    auto at = std::ranges::find_if(
        rows_, [&](const MatrixRow& row) { return row.name == name && row.outside == outside; });
    if (at == rows_.end()) {
      at = rows_.insert(
          rows_.begin() + static_cast<std::ptrdiff_t>(place(outside)),
          {.name = name, .outside = outside, .cells = std::vector<MatrixCell>(columns_)});
    }
    next_ = static_cast<std::size_t>(at - rows_.begin()) + 1;
    return at->cells[column];
  }
  void begin_run() { next_ = 0; }

 private:
  std::size_t place(bool outside) const {
    const auto first_test = static_cast<std::size_t>(
        std::ranges::find(rows_, false, &MatrixRow::outside) - rows_.begin());
    return outside ? first_test : std::max(next_, first_test);
  }

  std::vector<MatrixRow>& rows_;
  std::size_t columns_;
  std::size_t next_ = 0;
};

// Did some test of it come to a judgement of the module? Then the module was built, loaded and
// booted there, which is not known of a run whose machine or shard was lost.
bool was_judged(const RunResult& run) {
  return !run.failure && std::ranges::any_of(run.tests, [](const TestResult& test) {
    return test.verdict == Verdict::pass || test.verdict == Verdict::fail;
  });
}

}  // namespace

bool older_kernel(std::string_view a, std::string_view b) {
  const auto comparable = [](std::string_view name) {
    std::string text(name);
    std::ranges::replace(text, '~', '\x01');
    return text;
  };
  return ::strverscmp(comparable(a).c_str(), comparable(b).c_str()) < 0;
}

std::string normalized_message(std::string_view message) {
  // Only what is surely the machine's: two messages that differ in any other number are two.
  static const auto address = Regex::compile(R"(\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8,}\b)").value();
  static const auto process =
      Regex::compile(R"((CPU#?:? ?|PID:? ?|pid |\[[^\[\]]{1,32}:)\d+)").value();
  static const auto time = Regex::compile(R"(\b[\d.]+ ?(?:us|ms|s|min|seconds?)\b)").value();
  // "Oops: " stands before every kind from 6.9 on, and behind the kind how the kernel was
  // configured.
  static const auto oops = Regex::compile(R"(^Oops: |: [0-9a-f]{4} \[#\d+\].*)").value();
  auto text = oops.replace_all(message, "");
  text = address.replace_all(text, "#");
  text = process.replace_all(text, "\\1#");
  return time.replace_all(text, "#");
}

std::string kernels_in_words(const MatrixView& view, const std::vector<std::size_t>& columns) {
  std::vector<std::string> ranges;
  for (std::size_t i = 0; i < columns.size();) {
    std::size_t last = i;
    while (last + 1 < columns.size() && columns[last + 1] == columns[last] + 1) ++last;
    const auto& from = view.columns[columns[i]].label;
    const auto& to = view.columns[columns[last]].label;
    if (last - i < 2) {  // "a to b" of two neighbours would only hide that there is none between
      ranges.push_back(from);
      if (last != i) ranges.push_back(to);
    } else {
      ranges.push_back(from + " to " + to);
    }
    i = last + 1;
  }
  if (ranges.size() < 2) return ranges.empty() ? "" : ranges.front();
  const auto last = ranges.back();
  ranges.pop_back();
  return join(ranges, ", ") + " and " + last;
}

std::string place_in_words(const MatrixView& view, const std::vector<std::string>& tests,
                           const std::vector<std::size_t>& columns, std::size_t max_tests) {
  const auto kernels = "on " + kernels_in_words(view, columns);
  if (tests.empty()) return kernels;
  std::vector<std::string> names;
  for (const auto& test : tests) {
    if (names.size() == max_tests) break;
    names.push_back(one_line(test));
  }
  const auto more =
      tests.size() > names.size() ? fmt::format(" and {} more", tests.size() - names.size()) : "";
  return join(names, ", ") + more + ", " + kernels;
}

MatrixView matrix_of(const Report& report) {
  MatrixView view{
      .columns = columns_of(report), .rows = {}, .failures = {}, .notes = {}, .answer = {}};
  Failures failures(view.failures);
  Notes notes;
  Rows rows(view.rows, view.columns.size());
  for (std::size_t column = 0; column < view.columns.size(); ++column) {
    const auto& run = report.runs[view.columns[column].run];
    rows.begin_run();
    if (run.failure) {
      rows.cell(std::string(to_string(run.failure->kind)), true, column) = {
          .verdict = verdict_of(run.failure->kind),
          .seconds = 0,
          .failure = failures.add(*run.failure, column, "")};
    }
    for (const auto& test : run.tests) {
      notes.add(test, column);
      auto& cell = rows.cell(test.name, false, column);
      std::optional<std::size_t> failure;
      if (test.failure) failure = failures.add(*test.failure, column, test.name);
      // Of two tests of one name, which only a report of somebody else's has, the worse is shown.
      if (cell.verdict && worse(*cell.verdict, test.verdict) == *cell.verdict) continue;
      cell = {.verdict = test.verdict, .seconds = test.seconds, .failure = failure};
    }
  }
  for (auto& row : view.rows) {  // what kept one kernel from its tests did not keep these
    for (std::size_t column = 0; row.outside && column < view.columns.size(); ++column)
      if (was_judged(report.runs[view.columns[column].run]))
        row.cells[column].verdict = Verdict::pass;
  }
  view.notes = notes.together();
  view.answer = matrix_answer(report, view);
  return view;
}

}  // namespace kobox
