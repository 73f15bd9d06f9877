// SPDX-License-Identifier: GPL-2.0-or-later
// One command that the host asked for: a process group, its output, its time limit.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "fd.h"
#include "port.h"

namespace kobox::agent {

using Clock = std::chrono::steady_clock;

// A stream of the child's, of which the first max bytes are kept and all the rest counted.
struct Captured {
  Fd fd;
  std::string text;
  std::uint64_t dropped = 0;

  // Reads what is there now, but no more than `bite` bytes: on another processor somebody may write
  // as fast as this reads. Closes at the end.
  void drain(std::size_t max, std::size_t bite);
};

class Job {
 public:
  // captured: /bin/sh -c command, its output kept for the reply.
  // terminal: the same on a terminal of its own; its output goes to the host as it comes.
  // call: a function of ours in a process of its own, returning 0 or an errno. What may oops or
  // hang in the kernel (loading a module) must not take PID 1 with it. With max_output, what it
  // writes is kept as a command's output is.
  enum class Kind { captured, terminal, call };
  struct Start {
    std::uint64_t id = 0;
    Kind kind = Kind::captured;
    std::string command;
    std::function<int()> call;
    std::int64_t timeout_ms = 0;  // 0: none
    std::size_t max_output = 0;   // captured, call: bytes kept of each stream
    unsigned rows = 24, columns = 80;
    std::string term = "dumb";
  };
  // 0 and a running job, or an errno.
  static int start(const Start& start, std::optional<Job>& job);

  std::uint64_t id() const { return start_.id; }
  pid_t pid() const { return pid_; }
  Kind kind() const { return start_.kind; }
  std::optional<Clock::time_point> limit() const { return limit_; }
  Captured& out() { return out_; }
  Captured& err() { return err_; }

  // Moves the limit, if there is one.
  void extend_limit(Clock::duration more);
  // The time limit has passed: kills the group. Called again a second later if the process is
  // still there (stuck in the kernel): then it is given up. True if it must be answered now.
  bool on_limit();
  // Its process ended with this waitpid(2) status.
  void on_end(int status);
  // The streams have something to read, of which a bounded part is taken.
  void read_streams(Port& port);
  void input(const std::string& bytes) const;
  void resize(unsigned rows, unsigned columns) const;
  // The reply's members. Kills what is left of the group and takes what the pipes still hold.
  Json finish(Port& port);

 private:
  explicit Job(Start start) : start_(std::move(start)) {}
  bool keeps_output() const { return start_.kind != Kind::terminal && start_.max_output > 0; }
  // Opens both ends of the streams; the child's are returned for a moment. 0, or an errno.
  struct ChildEnds {
    Fd in, out, err, result;
  };
  int open_streams(ChildEnds& ends);

  Start start_;
  pid_t pid_ = -1;
  Captured out_ = {};  // with a terminal: its master
  Captured err_ = {};
  Fd result_;  // of a call: its errno, an int, if it returned one
  std::optional<Clock::time_point> limit_;
  bool timed_out_ = false;
  bool stuck_ = false;
  int status_ = 0;
};

}  // namespace kobox::agent
