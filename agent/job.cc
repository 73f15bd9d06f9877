// SPDX-License-Identifier: GPL-2.0-or-later
#include "job.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kobox::agent {
namespace {

constexpr auto k_kill_grace = std::chrono::seconds(1);

// What is read of a stream at a turn of the agent's loop, and fits in one message of output.
constexpr std::size_t k_bite = wire::k_chunk;

// 0, or an errno.
int open_pipe(Fd& ours, Fd& childs) {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return errno;
  ours = Fd(raw[0]);
  childs = Fd(raw[1]);
  return ::fcntl(raw[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

void set_size(int terminal, unsigned rows, unsigned columns) {
  winsize size = {};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ::ioctl(terminal, TIOCSWINSZ, &size);
}

// 0, or an errno.
int open_terminal(Fd& master, Fd& childs) {
  master = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) return errno;
  const char* name = ::ptsname(master.get());
  if (name == nullptr) return errno;
  childs = Fd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  return childs ? 0 : errno;
}

// Makes these the child's 0, 1 and 2. They may have such numbers themselves, where PID 1 was
// started without a console: so they all move out of the way first. (dup2(2) of a descriptor to
// itself would also leave it close-on-exec.)
bool become_standard(std::array<int, 3> sources) {
  for (auto& source : sources)
    if ((source = ::fcntl(source, F_DUPFD_CLOEXEC, 3)) < 0) return false;
  for (int target = 0; target < 3; ++target)
    if (::dup2(sources[static_cast<std::size_t>(target)], target) < 0) return false;
  return true;
}

// An exit status has 8 bits, and the kernel's own errno more: so it goes through a pipe.
[[noreturn]] void call_in_child(const Job::Start& start, int result) {
  const int error = start.call();
  const auto wrote = ::write(result, &error, sizeof error);
  ::_exit(error == 0 && wrote == sizeof error ? 0 : 1);
}

// `result`: of a call, where its errno goes.
[[noreturn]] void exec_in_child(const Job::Start& start, std::array<int, 3> standard, int result) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (result >= 0 && (result = ::fcntl(result, F_DUPFD_CLOEXEC, 3)) < 0) ::_exit(127);
  if (standard[1] >= 0 && !become_standard(standard)) ::_exit(127);
  if (start.kind == Job::Kind::call) call_in_child(start, result);
  if (start.kind == Job::Kind::terminal) {
    ::ioctl(0, TIOCSCTTY, 0);
    ::setenv("TERM", start.term.c_str(), 1);
  }
  if (::chdir("/root") != 0) [[maybe_unused]]
    const int ignored = ::chdir("/");
  ::execl("/bin/sh", "sh", "-c", start.command.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

}  // namespace

void Captured::drain(std::size_t max, std::size_t bite) {
  std::array<char, 65536> buffer;
  while (fd && bite > 0) {
    const auto got = ::read(fd.get(), buffer.data(), std::min(buffer.size(), bite));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return fd.reset();  // end; EIO: a terminal's other side is closed
    const auto size = static_cast<std::size_t>(got);
    const auto kept = std::min(size, max - std::min(max, text.size()));
    text.append(buffer.data(), kept);
    dropped += size - kept;
    bite -= size;
  }
}

int Job::open_streams(ChildEnds& ends) {
  if (start_.kind == Kind::call) {
    if (const int error = open_pipe(result_, ends.result); error != 0) return error;
    if (!keeps_output()) return 0;
  }
  if (start_.kind == Kind::terminal) {
    if (const int error = open_terminal(out_.fd, ends.out); error != 0) return error;
    set_size(out_.fd.get(), start_.rows, start_.columns);
    return 0;
  }
  ends.in = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!ends.in) return errno;
  if (const int error = open_pipe(out_.fd, ends.out); error != 0) return error;
  return open_pipe(err_.fd, ends.err);
}

int Job::start(const Start& start, std::optional<Job>& job) {
  Job made(start);
  ChildEnds ends;
  if (const int error = made.open_streams(ends); error != 0) return error;
  const int out = ends.out.get();
  const bool terminal = start.kind == Kind::terminal;
  made.pid_ = ::fork();
  if (made.pid_ == 0)
    exec_in_child(start, {terminal ? out : ends.in.get(), out, terminal ? out : ends.err.get()},
                  ends.result.get());
  if (made.pid_ < 0) {
    const int error = errno;  // before anything is closed
    return error;
  }
  if (start.timeout_ms > 0)
    made.limit_ = Clock::now() + std::chrono::milliseconds(start.timeout_ms);
  job.emplace(std::move(made));
  return 0;
}

void Job::extend_limit(Clock::duration more) {
  if (limit_) *limit_ += more;
}

bool Job::on_limit() {
  ::kill(-pid_, SIGKILL);
  if (timed_out_) {
    stuck_ = true;
    return true;
  }
  timed_out_ = true;
  limit_ = Clock::now() + k_kill_grace;
  return false;
}

void Job::on_end(int status) { status_ = status; }

void Job::read_streams(Port& port) {
  if (start_.kind != Kind::terminal) {
    out_.drain(start_.max_output, k_bite);
    err_.drain(start_.max_output, k_bite);
    return;
  }
  out_.drain(k_bite, k_bite);
  if (out_.text.empty()) return;
  const auto data = std::exchange(out_.text, "");
  port.send(
      {{"event", "output"}, {"id", start_.id}, {"data", Json::binary({data.begin(), data.end()})}});
}

void Job::input(const std::string& bytes) const {
  // What a full terminal does not take is lost, as on a real one.
  [[maybe_unused]] const auto wrote = ::write(out_.fd.get(), bytes.data(), bytes.size());
}

void Job::resize(unsigned rows, unsigned columns) const { set_size(out_.fd.get(), rows, columns); }

Json Job::finish(Port& port) {
  ::kill(-pid_, SIGKILL);  // what the command left running
  // What the command has written is in the pipes, and they hold no more than this. Who left the
  // group may go on writing, and is not waited for. (A terminal holds less than a bite.)
  read_streams(port);
  for (auto* stream : {&out_, &err_})
    if (const int held = ::fcntl(stream->fd.get(), F_GETPIPE_SZ); held > 0)
      stream->drain(start_.max_output, static_cast<std::size_t>(held));
  const auto binary = [](const std::string& text) {
    return Json::binary({text.begin(), text.end()});
  };
  Json reply = {{"status", WIFEXITED(status_) ? WEXITSTATUS(status_) : 0},
                {"signal", WIFSIGNALED(status_) ? WTERMSIG(status_) : 0},
                {"timed_out", timed_out_},
                {"stuck", stuck_}};
  if (start_.kind == Kind::call && WIFEXITED(status_) && WEXITSTATUS(status_) != 0) {
    int error = 0;
    if (::read(result_.get(), &error, sizeof error) != sizeof error || error == 0) error = EIO;
    reply["ok"] = false;
    reply["errno"] = error;
    reply["error"] = std::strerror(error);
  }
  if (start_.kind == Kind::captured || keeps_output()) {
    reply["stdout"] = binary(out_.text);
    reply["stderr"] = binary(err_.text);
    reply["stdout_dropped"] = out_.dropped;
    reply["stderr_dropped"] = err_.dropped;
  }
  return reply;
}

}  // namespace kobox::agent
