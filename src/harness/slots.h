// SPDX-License-Identifier: GPL-2.0-or-later
// How many threads may do something at once.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace kobox {

class Slots {
 public:
  explicit Slots(int count) : free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  // One of them, given back by release() or the destructor.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(Slots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      release();
      slots_ = std::exchange(other.slots_, nullptr);
      return *this;
    }
    ~Slot() { release(); }
    void release() {
      if (auto* slots = std::exchange(slots_, nullptr)) slots->give_back();
    }

   private:
    Slots* slots_ = nullptr;
  };

  // Waits for a free one. Those who hold one end soon after an interrupt, so this needs no limit.
  Slot take() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return free_ > 0; });
    --free_;
    return Slot(*this);
  }

 private:
  void give_back() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    freed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable freed_;
  int free_;
};

}  // namespace kobox
