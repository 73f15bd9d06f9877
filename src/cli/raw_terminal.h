// SPDX-License-Identifier: GPL-2.0-or-later
// The user's terminal while a shell in the guest has it: every key goes through, Ctrl-C included.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "vm/event_loop.h"

namespace kobox {

class RawTerminal {
 public:
  // Takes standard input's terminal, of which there is one. The destructor gives it back with the
  // settings and file status flags that it had; so does a second signal that ends kobox at once.
  static Result<RawTerminal> take();
  RawTerminal(RawTerminal&& other) noexcept : taken_(std::exchange(other.taken_, false)) {}
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

  // To read the keys from, on an EventLoop (which makes it non-blocking). Mostly a description of
  // kobox's own; of a terminal that kobox may not open it is standard input's.
  static Result<Fd> keys();

  struct Size {
    unsigned rows = 24, columns = 80;
  };
  static Size size();

 private:
  RawTerminal() = default;
  bool taken_ = true;
};

// Calls back, from the loop, each time that the terminal's window gets another size (SIGWINCH),
// until it is destroyed.
class ResizeWatch {
 public:
  ResizeWatch(EventLoop& loop, std::function<void(RawTerminal::Size)> on_resize);
  ResizeWatch(const ResizeWatch&) = delete;
  ResizeWatch& operator=(const ResizeWatch&) = delete;
  ~ResizeWatch();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kobox
