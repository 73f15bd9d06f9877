// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/matrix_answer.h"

#include <algorithm>

#include "base/text.h"
#include "report/guest_text.h"

namespace kobox {
namespace {

// A compiler can say a whole page.
constexpr std::size_t k_max_reason = 200;

// One thing that is said of a kernel. Kernels of which the same is said are named together.
struct Finding {
  std::string words;   // "builds and passes"
  std::string reason;  // behind the kernels; may be ""
  std::vector<std::size_t> columns;
};

std::string words_outside(FailureKind kind) {
  switch (kind) {
    case FailureKind::build:
      return "fails to build";
    case FailureKind::load:
      return "fails to load";
    case FailureKind::unload:
      return "fails to unload";
    default:
      return verdict_of(kind) == Verdict::error ? "could not be judged" : "fails";
  }
}

// What is said of a run whose tests were not all passed: how many, and why if there is one reason.
Finding of_tests(const MatrixView& view, const RunResult& run, std::size_t column) {
  const auto counts = count(run.tests);
  std::vector<std::size_t> reasons;
  for (const auto& row : view.rows) {
    const auto& failure = row.cells[column].failure;
    if (failure && std::ranges::find(reasons, *failure) == reasons.end())
      reasons.push_back(*failure);
  }
  const int all = counts.total();
  const auto which = all == 1 ? std::string("its only test")
                              : fmt::format("{} of {} tests",
                                            counts.failed > 0 ? counts.failed : counts.errors, all);
  const auto words = (counts.failed > 0 ? "fails " : "could not be judged by ") + which;
  if (reasons.size() != 1) return {words, "", {}};
  return {words, failure_reason(view.failures[reasons.front()].failure), {}};
}

Finding finding_of(const Report& report, const MatrixView& view, std::size_t column) {
  const auto& run = report.runs[view.columns[column].run];
  if (run.failure) return {words_outside(run.failure->kind), failure_reason(*run.failure), {}};
  if (run.verdict == Verdict::pass) return {"builds and passes", "", {}};
  if (run.verdict == Verdict::skip) return {"was not tested", "", {}};
  return of_tests(view, run, column);
}

// Reasons are compared without what differs between machines, as the failures are.
bool same(const Finding& a, const Finding& b) {
  return a.words == b.words && normalized_message(a.reason) == normalized_message(b.reason);
}

// "6.1" of "6.1-cloud".
std::string_view line_of(const MatrixColumn& column) {
  return std::string_view(column.label).substr(0, column.label.find('-'));
}

// "on 6.1 to 6.12"; "from 7.2 on" where it is so on all from there, which is no word for the later
// flavours of one line.
std::string where(const MatrixView& view, const std::vector<std::size_t>& columns) {
  const auto count = view.columns.size();
  if (columns.size() == count && count > 1)
    return fmt::format("on {} kernels, {}", count == 2 ? "both" : fmt::format("all {}", count),
                       kernels_in_words(view, columns));
  const auto first = columns.front();
  const bool to_the_end = first > 0 && first + columns.size() == count && columns.size() > 1;
  if (to_the_end && line_of(view.columns[first]) != line_of(view.columns[first - 1]))
    return "from " + view.columns[first].label + " on";
  return "on " + kernels_in_words(view, columns);
}

}  // namespace

std::string matrix_answer(const Report& report, const MatrixView& view) {
  std::vector<Finding> findings;
  for (std::size_t column = 0; column < view.columns.size(); ++column) {
    auto finding = finding_of(report, view, column);
    const auto known =
        std::ranges::find_if(findings, [&](const Finding& other) { return same(finding, other); });
    if (known != findings.end()) {
      known->columns.push_back(column);
    } else {
      finding.columns.push_back(column);
      findings.push_back(std::move(finding));
    }
  }
  // What works comes first: it is what one wants to know.
  std::ranges::stable_partition(
      findings, [](const Finding& finding) { return finding.words == "builds and passes"; });
  std::vector<std::string> parts;
  for (const auto& finding : findings) {
    auto part = finding.words + " " + where(view, finding.columns);
    if (!finding.reason.empty()) part += ": " + shortened(finding.reason, k_max_reason);
    parts.push_back(std::move(part));
  }
  return join(parts, "; ");
}

}  // namespace kobox
