// SPDX-License-Identifier: GPL-2.0-or-later
// A point on the monotonic clock by which something must be done.
#pragma once

#include <algorithm>
#include <chrono>

namespace kobox {

using Duration = std::chrono::milliseconds;

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Duration duration) { return Deadline(Clock::now() + duration); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  bool is_never() const { return when_ == Clock::time_point::max(); }
  bool passed() const { return !is_never() && Clock::now() >= when_; }
  Clock::time_point time() const { return when_; }

  // Zero once it has passed.
  Duration remaining() const {
    if (is_never()) return Duration::max();
    auto left = std::chrono::ceil<Duration>(when_ - Clock::now());
    return std::max(left, Duration::zero());
  }
  // As poll(2) takes it: milliseconds, -1 for never.
  int poll_timeout() const {
    if (is_never()) return -1;
    return static_cast<int>(std::min<Duration::rep>(remaining().count(), 1 << 30));
  }
  Deadline later_by(Duration more) const { return is_never() ? *this : Deadline(when_ + more); }
  Deadline sooner(Deadline other) const { return when_ < other.when_ ? *this : other; }

 private:
  explicit Deadline(Clock::time_point when) : when_(when) {}
  Clock::time_point when_;
};

}  // namespace kobox
