// SPDX-License-Identifier: GPL-2.0-or-later
// kobox with somebody at its terminal.
#pragma once

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kobox_test.h"

namespace kobox::e2e {

// kobox on a terminal of its own, as somebody sits at it.
class Terminal {
 public:
  Terminal(const Invocation& one) {
    winsize size = {.ws_row = 33, .ws_col = 111, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) become(one);
    ::tcgetattr(master_, &before_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
  }

  void type(std::string_view keys) {
    EXPECT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Waits until this is seen, after what was seen before; what came up to its end is then seen.
  bool sees(std::string_view text, Duration limit = 60s) {
    const auto found = holds_within(limit, [&] {
      read_more();
      return seen_.find(text, mark_) != std::string::npos;
    });
    if (found) mark_ = seen_.find(text, mark_) + text.size();
    return found;
  }
  std::optional<int> end_within(Duration limit) {
    holds_within(limit, [&] {
      read_more();
      int status = 0;
      if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
      return status_.has_value();
    });
    if (!status_) return std::nullopt;
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -WTERMSIG(*status_);
  }
  void resize(unsigned short rows, unsigned short columns) {
    const winsize size = {.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::ioctl(master_, TIOCSWINSZ, &size), 0);
  }
  void signal(int number) const { ::kill(pid_, number); }
  bool is_raw() const { return (settings().c_lflag & ICANON) == 0; }
  bool has_its_settings_back() const {
    const auto now = settings();
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
           now.c_oflag == before_.c_oflag;
  }
  const std::string& seen() const { return seen_; }

 private:
  [[noreturn]] static void become(const Invocation& one) {
    for (const auto& [name, value] : one.environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    const auto program = binary().string();
    std::vector<char*> words = {const_cast<char*>(program.c_str())};
    for (const auto& word : one.arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  termios settings() const {
    termios now = {};
    ::tcgetattr(master_, &now);
    return now;
  }
  void read_more() {
    pollfd ready = {master_, POLLIN, 0};
    char buffer[4096];
    while (::poll(&ready, 1, 0) > 0) {
      const auto got = ::read(master_, buffer, sizeof buffer);
      if (got <= 0) return;  // EIO: nobody has the other end any more
      seen_.append(buffer, static_cast<std::size_t>(got));
    }
  }

  int master_ = -1;
  pid_t pid_ = -1;
  termios before_ = {};
  std::optional<int> status_;
  std::string seen_;
  std::size_t mark_ = 0;
};

}  // namespace kobox::e2e
