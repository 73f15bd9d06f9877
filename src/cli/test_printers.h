// SPDX-License-Identifier: GPL-2.0-or-later
// What `kobox test` prints while it runs.
#pragma once

#include <map>
#include <string>

#include "cli/terminal.h"
#include "harness/test_run.h"
#include "report/render.h"

namespace kobox {

// For people, on one kernel: each test's line as it ends, each failure with all that is known.
class LinePrinter : public TestObserver {
 public:
  LinePrinter(StatusLine& status, Color color, Loudness loudness)
      : status_(status), color_(color), loudness_(loudness) {}
  void run_started(std::size_t run, const RunResult& so_far) override;
  void test_done(std::size_t run, const TestResult& test) override;
  void run_done(std::size_t run, const RunResult& result) override;

 private:
  StatusLine& status_;
  Color color_;
  Loudness loudness_;
};

// For people, on several kernels: a line a kernel as it ends, and one a failed test. The table at
// the end has the rest.
class KernelPrinter : public TestObserver {
 public:
  KernelPrinter(StatusLine& status, Color color, Loudness loudness)
      : status_(status), color_(color), loudness_(loudness) {}
  void run_started(std::size_t run, const RunResult& so_far) override;
  void test_done(std::size_t run, const TestResult& test) override;
  void run_done(std::size_t run, const RunResult& result) override;

 private:
  StatusLine& status_;
  Color color_;
  Loudness loudness_;
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
