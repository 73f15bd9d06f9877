// SPDX-License-Identifier: GPL-2.0-or-later
// The user's terminal while a shell in the guest has it: every key goes through, Ctrl-C included.
#pragma once

#include <termios.h>

#include <optional>

#include "base/result.h"

namespace kobox {

class RawTerminal {
 public:
  // Takes standard input's terminal; the destructor gives it back as it was.
  static Result<RawTerminal> take();
  RawTerminal(RawTerminal&& other) noexcept : saved_(std::exchange(other.saved_, std::nullopt)) {}
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

  struct Size {
    unsigned rows = 24, columns = 80;
  };
  static Size size();

 private:
  explicit RawTerminal(termios saved) : saved_(saved) {}
  std::optional<termios> saved_;
};

}  // namespace kobox
