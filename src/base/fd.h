// SPDX-License-Identifier: GPL-2.0-or-later
// An owned file descriptor.
//
// Every descriptor kobox makes is close-on-exec; a child gets only what Spawn names.
#pragma once

#include <unistd.h>

#include <utility>

#include "base/result.h"

namespace kobox {

class Fd {
 public:
  Fd() = default;
  // Takes ownership. The caller opened it with O_CLOEXEC or the like.
  explicit Fd(int raw) : raw_(raw) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      raw_ = std::exchange(other.raw_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return raw_; }
  explicit operator bool() const { return raw_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(raw_, -1); }
  void reset() {
    if (raw_ >= 0) ::close(std::exchange(raw_, -1));
  }

 private:
  int raw_ = -1;
};

struct FdPair {
  Fd first;
  Fd second;
};

// A pipe: first reads what second wrote. Close-on-exec.
Result<FdPair> make_pipe();
// Two connected stream sockets. Close-on-exec.
Result<FdPair> make_socket_pair();
// A file in memory that has no name and goes away with its last descriptor (memfd_create(2)).
// `name` only shows in /proc. Close-on-exec.
Result<Fd> make_memory_file(const char* name);
// Opens the file of a descriptor again: with an offset of its own. Close-on-exec.
Result<Fd> reopen(const Fd& fd, int flags);

}  // namespace kobox
