// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/foreground.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace kobox {
namespace {

// Who is not in the terminal's foreground is stopped for asking, unless the signal is blocked.
void give_terminal(pid_t group) {
  sigset_t set;
  sigset_t before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  ::tcsetpgrp(STDIN_FILENO, group);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

Foreground::Foreground(EventLoop& loop, pid_t child) : child_(child), stopped_(loop.io(), SIGCHLD) {
  if (::isatty(STDIN_FILENO) != 1) return;
  before_ = ::tcgetpgrp(STDIN_FILENO);
  give_terminal(child_);
  ::kill(-child_, SIGCONT);  // it may have asked for the terminal before it had it
  watch();
}

void Foreground::watch() {
  stopped_.async_wait([this](const asio::error_code& error, int) {
    if (error) return;
    siginfo_t info = {};
    if (::waitid(P_PID, static_cast<id_t>(child_), &info, WSTOPPED | WNOHANG) == 0 &&
        info.si_pid == child_)
      ::kill(-child_, SIGCONT);
    watch();
  });
}

Foreground::~Foreground() {
  stopped_.cancel();
  if (before_ > 0) give_terminal(before_);
}

}  // namespace kobox
