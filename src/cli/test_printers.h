// SPDX-License-Identifier: GPL-2.0-or-later
// What `kobox test` prints while it runs.
#pragma once

#include <map>
#include <string>

#include "cli/terminal.h"
#include "harness/test_run.h"
#include "report/render.h"

namespace kobox {

// What those for people, on a terminal or in a log, have in common.
class TerminalPrinter : public TestObserver {
 public:
  TerminalPrinter(StatusLine& status, Color color, Loudness loudness)
      : status_(status), color_(color), loudness_(loudness) {}

 protected:
  StatusLine& status_;
  const Color color_;
  const Loudness loudness_;
};

// On one kernel: each test's line as it ends, each failure with all that is known.
class LinePrinter : public TerminalPrinter {
 public:
  using TerminalPrinter::TerminalPrinter;
  void run_started(std::size_t run, const RunResult& so_far) override;
  void test_done(std::size_t run, const TestResult& test) override;
  void run_done(std::size_t run, const RunResult& result) override;
};

// On several kernels: a line a kernel as it ends, and one a test that failed or of which something
// else should be known. The table at the end has the rest.
class KernelPrinter : public TerminalPrinter {
 public:
  using TerminalPrinter::TerminalPrinter;
  void run_started(std::size_t run, const RunResult& so_far) override;
  void test_done(std::size_t run, const TestResult& test) override;
  void run_done(std::size_t run, const RunResult& result) override;

 private:
  std::map<std::size_t, std::string> kernels_;  // of the runs that have begun
};

// For formats that are written at the end: says only what keeps a whole kernel from being judged,
// on standard error, where a person looks who has the report in a file.
class ErrorPrinter : public TestObserver {
 public:
  explicit ErrorPrinter(StatusLine& status) : status_(status) {}
  void run_started(std::size_t, const RunResult&) override {}
  void test_done(std::size_t, const TestResult&) override {}
  void run_done(std::size_t run, const RunResult& result) override;

 private:
  StatusLine& status_;
};

}  // namespace kobox
