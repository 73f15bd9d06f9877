// SPDX-License-Identifier: GPL-2.0-or-later
// Threads that help the one that starts them, and end before it goes on.
#pragma once

#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace kobox {

class Workers {
 public:
  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() { join(); }

  // Starts a thread that does `work`, which must not throw. False if this host gives no more
  // threads: who calls must be able to do the work itself.
  template <class Work>
  bool add(Work work) {
    try {
      threads_.emplace_back(std::move(work));
      return true;
    } catch (const std::system_error&) {
      return false;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  // Waits for all of them.
  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace kobox
