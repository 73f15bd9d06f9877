// SPDX-License-Identifier: GPL-2.0-or-later
// A Report in the formats that people and machines read. Pure: value in, text out.
#pragma once

#include <string>

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

enum class Color { on, off };
// For people. One line a test, then each failure: what happened, where (file:line and the source
// line), the log around it, the command that repeats it; then a summary.
std::string render_terminal(const Report& report, Color color);
// The pieces of it, so that tests can be printed as they end.
std::string render_run_header(const RunResult& run, Color color);
std::string render_test_line(const TestResult& test, Color color);
std::string render_failure(const std::string& title, const Failure& failure, Color color);
// What is found only when all kernels are done: why the module does not build, each cause once with
// the kernels that it concerns, between empty lines. "" if nothing is known.
std::string render_api_changes(const Report& report, Color color);
std::string render_summary(const Report& report, Color color);

}  // namespace kobox
