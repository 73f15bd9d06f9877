// SPDX-License-Identifier: GPL-2.0-or-later
// A Report in the formats that people and machines read. Pure: value in, text out.
#pragma once

#include <functional>
#include <string>

#include "report/matrix.h"
#include "verdict/verdict.h"

namespace kobox {

// kobox.report/1, one object, a newline at its end (docs/report.md).
std::string render_json(const Report& report);
// As Jenkins' JUnit plugin and GitHub's reporters read it: a testsuite a kernel, a testcase a test;
// `error` verdicts as <error>, `fail` as <failure>, the log in <system-out>. Here and in KTAP a
// failure outside any test is a test named after its kind.
std::string render_junit(const Report& report);
// KTAP version 1 (Documentation/dev-tools/ktap.rst): a subtest a kernel.
std::string render_ktap(const Report& report);

// GitHub's Markdown, for a job's summary or a comment on a pull request: at most 65000 bytes, with
// a word for what found no room.
std::string render_markdown(const Report& report);

// The end of a console log that was kept, by its path; "" if it cannot be read. May be empty.
using ConsoleOf = std::function<std::string(const std::string& path)>;
// One page without network and script: the matrix, each different failure, times.
std::string render_html(const Report& report, const ConsoleOf& console);

enum class Color { on, off };
// For people. One kernel: one line a test, then each failure: what happened, where (file:line and
// the source line), the log around it, the command that repeats it; then a summary. Several: the
// table of kernels and tests, each different failure once, the summary, and where the module works.
std::string render_terminal(const Report& report, Color color);
// The pieces of it, so that tests can be printed as they end.
std::string render_run_header(const RunResult& run, Color color);
std::string render_test_line(const TestResult& test, Color color);
std::string render_failure(const std::string& title, const Failure& failure, Color color);
// What is found only when all kernels are done: why the module does not build, each cause once with
// the kernels that it concerns, between empty lines. "" if nothing is known.
std::string render_api_changes(const Report& report, Color color);
// "2 passed, 1 failed on 6.1.0-56-cloud-amd64", no newline.
std::string render_run_counts(const RunResult& run, Color color);
// That of each run, a line each, with the accelerator and why it was that.
std::string render_summary(const Report& report, Color color);
// The whole of a report on several kernels.
std::string render_matrix(const Report& report, Color color);
// Of that only what failed, the summary and where the module works.
std::string render_matrix_failures(const Report& report, Color color);
// The table of a report on several kernels, in 80 columns: as many blocks as it takes.
std::string render_table(const MatrixView& view, Color color);

}  // namespace kobox
