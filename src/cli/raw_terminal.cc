// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/raw_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace kobox {

Result<RawTerminal> RawTerminal::take() {
  termios saved = {};
  if (::tcgetattr(STDIN_FILENO, &saved) != 0) return fail_errno("cannot use the terminal");
  termios raw = saved;
  ::cfmakeraw(&raw);
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return fail_errno("cannot use the terminal");
  return RawTerminal(saved);
}

RawTerminal::~RawTerminal() {
  if (saved_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*saved_);
}

RawTerminal::Size RawTerminal::size() {
  winsize size = {};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
  return {size.ws_row, size.ws_col};
}

}  // namespace kobox
