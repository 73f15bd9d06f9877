// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/test_printers.h"

#include <fmt/format.h>

namespace kobox {

void LinePrinter::run_started(std::size_t, const RunResult& so_far) {
  if (loudness_ != Loudness::quiet) status_.print(render_run_header(so_far, color_));
}

void LinePrinter::test_done(std::size_t, const TestResult& test) {
  if (loudness_ != Loudness::quiet || test.failure) status_.print(render_test_line(test, color_));
  if (test.failure) status_.print(render_failure(test.name, *test.failure, color_));
}

void LinePrinter::run_done(std::size_t, const RunResult& result) {
  if (result.failure) status_.print(render_failure(result.kernel, *result.failure, color_));
}

void KernelPrinter::run_started(std::size_t run, const RunResult& so_far) {
  kernels_[run] = so_far.kernel;
}

void KernelPrinter::test_done(std::size_t run, const TestResult& test) {
  if (!test.failure && (test.note.empty() || loudness_ == Loudness::quiet)) return;
  auto named = test;
  named.name += " (" + kernels_[run] + ")";
  status_.print(render_test_line(named, color_));
}

void KernelPrinter::run_done(std::size_t, const RunResult& result) {
  if (loudness_ != Loudness::quiet || result.failure)
    status_.print(render_run_counts(result, color_) + "\n");
}

void ErrorPrinter::run_done(std::size_t, const RunResult& result) {
  if (result.failure && verdict_of(result.failure->kind) == Verdict::error)
    status_.error(fmt::format("{}: {}", result.kernel, result.failure->message));
}

}  // namespace kobox
