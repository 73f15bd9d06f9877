// SPDX-License-Identifier: GPL-2.0-or-later
// Lending the terminal to a child, as a shell does (tcsetpgrp(3)).
#pragma once

#include <sys/types.h>

#include <asio/signal_set.hpp>

#include "vm/event_loop.h"

namespace kobox {

// While this lives, the keyboard and its Ctrl-C are the child's, which leads a process group of its
// own. A child that is stopped (Ctrl-Z) goes on at once: nobody could wake it. Does nothing where
// standard input is no terminal.
class Foreground {
 public:
  Foreground(EventLoop& loop, pid_t child);
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;
  ~Foreground();

 private:
  void watch();

  pid_t child_;
  pid_t before_ = -1;  // the group that had the terminal
  asio::signal_set stopped_;
};

}  // namespace kobox
