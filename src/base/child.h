// SPDX-License-Identifier: GPL-2.0-or-later
// A child process, and the common case of running a command to its end.
//
// A Child leads its own process group. Its destructor kills the whole group and reaps it; if
// kobox itself dies, however it dies, the kernel kills the child (PR_SET_PDEATHSIG). That signal
// is tied to the thread that spawned the child (prctl(2)), so a Child must not outlive the
// thread that spawned it.
//
//   CommandLine make{.argv = {"make", "modules"}, .cwd = directory};
//   KOBOX_TRY(auto done, run_command(make, {.deadline = Deadline::after(60s)}));
//   if (!done.status.success()) …done.output…
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace kobox {

struct CommandLine {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::optional<std::filesystem::path> cwd = {};
  // Set on top of the inherited environment; an empty value unsets the name.
  std::vector<std::pair<std::string, std::string>> environment = {};

  // As one would type it in a shell, quoted where needed.
  std::string to_string() const;
};

struct ExitStatus {
  int code = 0;    // of exit(2), when signal is 0
  int signal = 0;  // that ended it, or 0
  bool success() const { return code == 0 && signal == 0; }
  // "exited with status 2", "was killed by signal 9 (Killed)"
  std::string to_string() const;
};

// Which descriptors the child gets. Everything else is closed by close-on-exec.
struct ChildFds {
  int standard_input = -1;  // -1: /dev/null
  int standard_output = -1;
  int standard_error = -1;
  std::vector<std::pair<int, int>> others = {};  // ours → the child's number (3 or more)
  // Standard input is a terminal, and becomes the controlling one of a session of the child's own:
  // its Ctrl-C is the child's.
  bool own_terminal = false;
};

enum class OnInterrupt {
  give_up,
  go_on,  // for what puts things in order at the end
};

class Child {
 public:
  // Fails with ErrorKind::environment if the program cannot be executed (the message names it).
  static Result<Child> spawn(const CommandLine& command, const ChildFds& fds);

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();  // kills the group (SIGKILL) and reaps; blocks only as long as the kernel needs

  pid_t pid() const { return pid_; }
  // Readable once the child has ended (pidfd_open(2)).
  int pidfd() const { return pidfd_.get(); }
  // Sends a signal to the child's process group.
  void signal_group(int number) const;
  // Waits for the end; ErrorKind::timeout at the deadline, ErrorKind::interrupted on interrupt.
  // The child goes on running in both cases.
  Result<ExitStatus> wait(Deadline deadline, OnInterrupt on_interrupt = OnInterrupt::give_up);
  // The status if it has ended, without waiting.
  std::optional<ExitStatus> poll();

 private:
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  void destroy();

  pid_t pid_ = -1;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

enum class Streams { separate, merged };

struct RunLimits {
  Deadline deadline = Deadline::never();
  std::size_t max_output = std::size_t{8} << 20;  // bytes kept of each stream; the rest is dropped
  // Asked about once a second while the command writes or is silent, with the process ID of the
  // command, which is also that of its group; an Error of it ends the command as the deadline does.
  std::function<Result<>(pid_t)> check = {};
  OnInterrupt on_interrupt = OnInterrupt::give_up;
};

struct CommandResult {
  ExitStatus status;
  std::string output;  // standard output, or both when merged
  std::string error;
  bool truncated = false;
};

using OutputSink = std::function<void(std::string_view)>;

// Runs a command to its end with no standard input. At the deadline or on interrupt its group is
// killed and the Error returned. on_output, if given, sees standard output as it comes.
Result<CommandResult> run_command(const CommandLine& command, const RunLimits& limits = {},
                                  Streams streams = Streams::separate,
                                  const OutputSink& on_output = {});

// The full path of a program in PATH, or nothing.
std::optional<std::filesystem::path> find_program(std::string_view name);

}  // namespace kobox
