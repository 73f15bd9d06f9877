// SPDX-License-Identifier: GPL-2.0-or-later
// An owned file descriptor. A service that runs as long as its machine may leak none.
#pragma once

#include <unistd.h>

#include <utility>

namespace kobox::agent {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int raw) : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return raw_; }
  explicit operator bool() const { return raw_ >= 0; }
  int release() { return std::exchange(raw_, -1); }
  void reset() {
    if (raw_ >= 0) ::close(release());
  }

 private:
  int raw_ = -1;
};

}  // namespace kobox::agent
