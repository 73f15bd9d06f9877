// SPDX-License-Identifier: GPL-2.0-or-later
// A wait in slices, in which time that kobox did not run does not count.
//
// kobox and its machines may be stopped (SIGSTOP, Ctrl-Z) or the host may be stopped. A deadline
// that passes meanwhile says nothing about whom it was set for. A slice that ends far later than
// it should tells of it, and the deadline is moved by as much.
//
//   SlicedWait slices(deadline);
//   while (!there()) {
//     if (slices.passed()) return …;  // after a last look at what has already arrived
//     wait_for_something_until(slices.next());
//   }
#pragma once

#include <algorithm>
#include <chrono>

#include "base/deadline.h"

namespace kobox {

class SlicedWait {
 public:
  explicit SlicedWait(Deadline deadline) : deadline_(deadline) {}

  // Where the slice that begins now ends: half a second from now, or at the deadline.
  Deadline next() {
    const auto now = Deadline::after(Duration::zero());
    end_ = Deadline::after(std::chrono::milliseconds(500)).sooner(deadline_);
    if (end_.time() < now.time()) end_ = now;
    return end_;
  }

  // Has the deadline passed? Asked after each slice.
  bool passed() {
    const auto late = lateness(end_.time(), Deadline::Clock::now());
    end_ = Deadline::never();
    if (late > Duration::zero()) deadline_ = deadline_.later_by(late);
    lost_ += late;
    return deadline_.passed();
  }

  // For how long nothing ran so far.
  Duration lost() const { return lost_; }

  // By how much a slice that should have ended at `end` tells that nothing ran. Zero within what a
  // busy host explains: a second.
  static Duration lateness(Deadline::Clock::time_point end, Deadline::Clock::time_point now) {
    if (now <= end) return Duration::zero();  // before the subtraction: `end` may be never
    const auto late = std::chrono::floor<Duration>(now - end);
    return late > std::chrono::seconds(1) ? late : Duration::zero();
  }

 private:
  Deadline deadline_;
  Deadline end_ = Deadline::never();  // of the slice under way
  Duration lost_ = Duration::zero();
};

}  // namespace kobox
