// SPDX-License-Identifier: GPL-2.0-or-later
// How many of something there may be at once, over all threads.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace kobox {

class Slots {
 public:
  explicit Slots(int count) : all_(count), free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  // One or more of them, given back by release() or the destructor.
  class Slot {
   public:
    Slot() = default;
    Slot(Slots& slots, int count) : slots_(&slots), count_(count) {}
    Slot(Slot&& other) noexcept
        : slots_(std::exchange(other.slots_, nullptr)), count_(other.count_) {}
    Slot& operator=(Slot&& other) noexcept {
      release();
      slots_ = std::exchange(other.slots_, nullptr);
      count_ = other.count_;
      return *this;
    }
    ~Slot() { release(); }
    void release() {
      if (auto* slots = std::exchange(slots_, nullptr)) slots->give_back(count_);
    }
    bool held() const { return slots_ != nullptr; }

   private:
    Slots* slots_ = nullptr;
    int count_ = 0;
  };

  // Waits until so many are free, or all of them if there are fewer. Those who hold one end soon
  // after an interrupt, so this needs no limit.
  Slot take(int count = 1) {
    const int taken = std::min(count, all_);
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return free_ >= taken; });
    free_ -= taken;
    return {*this, taken};
  }

 private:
  void give_back(int count) {
    {
      const std::lock_guard lock(mutex_);
      free_ += count;
    }
    freed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable freed_;
  const int all_;
  int free_;
};

}  // namespace kobox
