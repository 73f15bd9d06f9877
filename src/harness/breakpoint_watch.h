// SPDX-License-Identifier: GPL-2.0-or-later
// A test's breakpoints: GDB at the machine, in a thread of its own, while the test goes on.
//
// At each breakpoint's first hit its expressions and the backtrace are read and its steps taken;
// then the machine goes on. What was seen is judged at the end (harness/breakpoint_judge.h).
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/workers.h"
#include "guest/guest.h"
#include "harness/breakpoint_judge.h"
#include "harness/gdb_target.h"
#include "harness/prepare.h"
#include "project/project.h"
#include "verdict/verdict.h"

namespace kobox {

class BreakpointWatch {
 public:
  // Connects GDB and sets the breakpoints; the machine then goes on. `test` and the guest must
  // outlive this. `limit`: how long the whole may take, standstill included. Errors: environment
  // (no gdb, a kernel without symbols), tool (GDB's own words), interrupted.
  static Result<std::unique_ptr<BreakpointWatch>> start(Guest& guest, const Prepared& prepared,
                                                        const std::filesystem::path& cache,
                                                        const TestSpec& test, Duration limit);
  BreakpointWatch(const BreakpointWatch&) = delete;
  BreakpointWatch& operator=(const BreakpointWatch&) = delete;
  ~BreakpointWatch();

  // GDB has ended before its time: what it stopped may never go on.
  bool broken() const { return broken_; }

  // Ends GDB; the machine may be stopped after this. What the breakpoints did not see, as one
  // assertion; or why GDB could not go on, unless the machine's own end was the reason.
  std::optional<Failure> finish();

 private:
  BreakpointWatch(Guest& guest, const TestSpec& test, GdbTarget target, Fd end_request, Fd wake);
  void work(const std::vector<std::string>& locations, Duration limit);
  Result<> serve(const std::vector<std::string>& locations, Deadline deadline, bool& told);
  void end_thread();
  std::optional<Failure> judge() const;

  Guest& guest_;
  const TestSpec& test_;
  GdbTarget target_;
  std::string hint_;                   // why GDB may know less than expected, or ""
  Fd end_request_;                     // eventfd(2): the thread is to end
  Fd wake_;                            // eventfd(2): the thread has ended
  std::optional<ReadableOnce> waker_;  // so that the guest's waits look at broken()
  std::atomic<bool> broken_ = false;
  Workers thread_;
  // The thread's, until it has ended; `started_` is set before the machine goes on.
  struct Started;
  std::unique_ptr<Started> started_;
  std::vector<BreakpointSeen> seen_;
  std::optional<Error> error_;
};

}  // namespace kobox
