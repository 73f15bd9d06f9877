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

struct Ends {
  int ours = -1;
  int childs = -1;
};

Ends open_pipe() {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return {};
  ::fcntl(raw[0], F_SETFL, O_NONBLOCK);
  return {raw[0], raw[1]};
}

Ends open_terminal(unsigned rows, unsigned columns) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (master < 0) return {};
  ::grantpt(master);
  ::unlockpt(master);
  winsize size = {};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ::ioctl(master, TIOCSWINSZ, &size);
  const char* name = ::ptsname(master);
  return {master, name != nullptr ? ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1};
}

[[noreturn]] void exec_in_child(const Job::Start& start, int in, int out, int err) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (start.kind == Job::Kind::call) ::_exit(start.call());
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
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

void Captured::drain(std::size_t max) {
  std::array<char, 65536> buffer;
  while (fd >= 0) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {  // end; EIO is how a terminal says that its other side is closed
      ::close(std::exchange(fd, -1));
      return;
    }
    const auto size = static_cast<std::size_t>(got);
    const auto kept = std::min(size, max - std::min(max, text.size()));
    text.append(buffer.data(), kept);
    dropped += size - kept;
  }
}

int Job::start(const Start& start, std::optional<Job>& job) {
  const bool terminal = start.kind == Kind::terminal;
  const int devnull = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool captured = start.kind == Kind::captured;
  Ends out = terminal ? open_terminal(start.rows, start.columns) : captured ? open_pipe() : Ends{};
  Ends err = captured ? open_pipe() : Ends{};
  if ((terminal || captured) && out.childs < 0) return errno;
  if (captured && err.childs < 0) return errno;

  Job made(start);
  made.out_.fd = out.ours;
  made.err_.fd = err.ours;
  made.pid_ = ::fork();
  if (made.pid_ < 0) return errno;
  if (made.pid_ == 0)
    exec_in_child(start, terminal ? out.childs : devnull, out.childs,
                  terminal ? out.childs : err.childs);
  for (const int fd : {devnull, out.childs, err.childs})
    if (fd >= 0) ::close(fd);
  if (start.timeout_ms > 0)
    made.limit_ = Clock::now() + std::chrono::milliseconds(start.timeout_ms);
  job.emplace(std::move(made));
  return 0;
}

Job::Job(Job&& other) noexcept
    : start_(std::move(other.start_)),
      pid_(std::exchange(other.pid_, -1)),
      out_(std::exchange(other.out_, {})),
      err_(std::exchange(other.err_, {})),
      limit_(other.limit_),
      timed_out_(other.timed_out_),
      stuck_(other.stuck_),
      status_(other.status_) {}

Job::~Job() {
  if (out_.fd >= 0) ::close(out_.fd);
  if (err_.fd >= 0) ::close(err_.fd);
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
    out_.drain(start_.max_output);
    err_.drain(start_.max_output);
    return;
  }
  out_.drain(wire::k_chunk);
  if (out_.text.empty()) return;
  const auto data = std::exchange(out_.text, "");
  port.send(
      {{"event", "output"}, {"id", start_.id}, {"data", Json::binary({data.begin(), data.end()})}});
}

void Job::input(const std::string& bytes) const {
  // What a full terminal does not take is lost, as on a real one.
  [[maybe_unused]] const auto wrote = ::write(out_.fd, bytes.data(), bytes.size());
}

void Job::resize(unsigned rows, unsigned columns) const {
  winsize size = {};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ::ioctl(out_.fd, TIOCSWINSZ, &size);
}

Json Job::finish(Port& port) {
  read_streams(port);
  ::kill(-pid_, SIGKILL);  // what the command left running
  const auto binary = [](const std::string& text) {
    return Json::binary({text.begin(), text.end()});
  };
  Json reply = {{"status", WIFEXITED(status_) ? WEXITSTATUS(status_) : 0},
                {"signal", WIFSIGNALED(status_) ? WTERMSIG(status_) : 0},
                {"timed_out", timed_out_},
                {"stuck", stuck_}};
  if (start_.kind == Kind::call && WIFEXITED(status_) && WEXITSTATUS(status_) != 0) {
    reply["ok"] = false;
    reply["errno"] = WEXITSTATUS(status_);
    reply["error"] = std::strerror(WEXITSTATUS(status_));
  }
  if (start_.kind == Kind::captured) {
    reply["stdout"] = binary(out_.text);
    reply["stderr"] = binary(err_.text);
    reply["stdout_dropped"] = out_.dropped;
    reply["stderr_dropped"] = err_.dropped;
  }
  return reply;
}

}  // namespace kobox::agent
