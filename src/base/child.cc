// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/interrupt.h"
#include "base/sliced_wait.h"
#include "base/text.h"

extern char** environ;

namespace kobox {
namespace {

constexpr Duration k_check = std::chrono::seconds(1);
// From closing its streams to being gone.
constexpr Duration k_ending = std::chrono::seconds(1);

// Everything the forked child needs, made before the fork: after it, in a process that may have
// other threads, only async-signal-safe calls are allowed.
struct Plan {
  std::string program;
  std::vector<char*> argv;
  std::vector<std::string> environment_storage;
  std::vector<char*> environment;
  const char* cwd = nullptr;
  std::vector<std::pair<int, int>> fds;  // source → target
  bool own_terminal = false;
};

Result<Plan> make_plan(const CommandLine& command, const ChildFds& fds) {
  Plan plan;
  const auto found = find_program(command.argv.at(0));
  if (!found)
    return fail(ErrorKind::environment, "cannot run '{}': no such program", command.argv.at(0));
  plan.program = found->string();
  for (const auto& word : command.argv) plan.argv.push_back(const_cast<char*>(word.c_str()));
  plan.argv.push_back(nullptr);

  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    const bool overridden =
        std::ranges::any_of(command.environment, [&](const auto& e) { return e.first == name; });
    if (!overridden) plan.environment_storage.emplace_back(text);
  }
  for (const auto& [name, value] : command.environment)
    if (!value.empty()) plan.environment_storage.push_back(name + "=" + value);
  for (auto& entry : plan.environment_storage) plan.environment.push_back(entry.data());
  plan.environment.push_back(nullptr);

  if (command.cwd) plan.cwd = command.cwd->c_str();
  plan.fds = {{fds.standard_input, 0}, {fds.standard_output, 1}, {fds.standard_error, 2}};
  plan.own_terminal = fds.own_terminal;
  plan.fds.insert(plan.fds.end(), fds.others.begin(), fds.others.end());
  return plan;
}

// Runs in the child. Never returns: execs, or writes errno to the report pipe.
[[noreturn]] void exec_in_child(Plan& plan, pid_t parent, int report) {
  const auto give_up = [&report] {
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
    ::_exit(127);
  };
  if (plan.own_terminal)
    ::setsid();  // leads a process group too
  else
    ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before prctl

  struct sigaction defaults = {};
  defaults.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &defaults, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  // Sources and the report move out of the way of all targets first, so that no dup2 closes one.
  int free = 0;
  for (const auto& [source, target] : plan.fds) free = std::max(free, target + 1);
  const int moved_report = ::fcntl(report, F_DUPFD_CLOEXEC, free);
  if (moved_report < 0) give_up();
  report = moved_report;
  const int devnull = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (auto& [source, target] : plan.fds) {
    source = ::fcntl(source >= 0 ? source : devnull, F_DUPFD_CLOEXEC, free);
    if (source < 0) give_up();
  }
  for (const auto& [source, target] : plan.fds)
    if (::dup2(source, target) < 0) give_up();
  if (plan.own_terminal && ::ioctl(0, TIOCSCTTY, 0) != 0) give_up();
  if (plan.cwd != nullptr && ::chdir(plan.cwd) != 0) give_up();
  ::execve(plan.program.c_str(), plan.argv.data(), plan.environment.data());
  give_up();
  ::_exit(127);
}

ExitStatus from_wait_status(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

struct Capture {
  Fd fd;
  std::string* text;
  const OutputSink* sink;
};

// Takes what is there. False at the end of the stream.
bool drain(Capture& capture, std::size_t max, bool& truncated) {
  std::array<char, 65536> buffer;
  const auto got = ::read(capture.fd.get(), buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (capture.sink != nullptr && *capture.sink) (*capture.sink)(bytes);
  const auto room = max - std::min(max, capture.text->size());
  capture.text->append(bytes.substr(0, room));
  if (bytes.size() > room) truncated = true;
  return true;
}

// Reads every stream to its end; interrupt, deadline and what the check finds are errors. What was
// written before the deadline is taken, however late this process comes to it.
Result<> drain_all(std::vector<Capture>& captures, const RunLimits& limits, bool& truncated,
                   const std::string& program, pid_t pid) {
  // A megabyte of each stream: the most that a pipe holds, unless root made it larger.
  constexpr int k_late_rounds = 16;
  const auto soon = [&] { return limits.check ? Deadline::after(k_check) : Deadline::never(); };
  auto next_check = soon();
  const bool heeds = limits.on_interrupt == OnInterrupt::give_up;
  SlicedWait slices(limits.deadline);
  int late_rounds = 0;
  while (!captures.empty()) {
    std::vector<pollfd> waits = {{heeds ? interrupt_fd() : -1, POLLIN, 0}};
    for (const auto& capture : captures) waits.push_back({capture.fd.get(), POLLIN, 0});
    const int ready =
        ::poll(waits.data(), waits.size(), slices.next().sooner(next_check).poll_timeout());
    if (ready < 0 && errno != EINTR) return fail_errno("cannot wait for '{}'", program);
    if (heeds && interrupted()) return fail_interrupted();
    const bool late = slices.passed();
    if (late && (ready == 0 || ++late_rounds > k_late_rounds))
      return fail(ErrorKind::timeout, "'{}' did not end in its time", program);
    if (next_check.passed()) {
      KOBOX_CHECK(limits.check(pid));
      next_check = soon();
    }
    if (ready <= 0) continue;
    for (std::size_t i = captures.size(); i-- > 0;) {
      if (waits[i + 1].revents != 0 && !drain(captures[i], limits.max_output, truncated))
        captures.erase(captures.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return {};
}

}  // namespace

std::string CommandLine::to_string() const {
  std::string text;
  for (const auto& word : argv) text += (text.empty() ? "" : " ") + shell_quote(word);
  return text;
}

std::string ExitStatus::to_string() const {
  if (signal != 0) return fmt::format("was killed by signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exited with status {}", code);
}

Result<Child> Child::spawn(const CommandLine& command, const ChildFds& fds) {
  KOBOX_TRY(auto plan, make_plan(command, fds));
  KOBOX_TRY(auto report, make_pipe());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start '{}'", command.argv[0]);
  if (pid == 0) exec_in_child(plan, parent, report.second.get());

  // The child does it too; whoever comes first, it is done before we go on.
  if (!fds.own_terminal) ::setpgid(pid, pid);
  Child child(pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  report.second.reset();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.first.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof error) {
    errno = error;
    return fail_errno("cannot run '{}'", command.argv[0]);
  }
  if (!child.pidfd_) return fail_errno("cannot watch '{}'", command.argv[0]);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      status_(std::exchange(other.status_, std::nullopt)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    destroy();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    status_ = std::exchange(other.status_, std::nullopt);
  }
  return *this;
}

Child::~Child() { destroy(); }

void Child::destroy() {
  if (pid_ < 0) return;
  signal_group(SIGKILL);
  if (!status_) {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
}

void Child::signal_group(int number) const {
  if (pid_ <= 0) return;
  ::kill(-pid_, number);
}

Result<ExitStatus> Child::wait(Deadline deadline, OnInterrupt on_interrupt) {
  const bool heeds = on_interrupt == OnInterrupt::give_up;
  SlicedWait slices(deadline);
  while (true) {
    const bool late = slices.passed();  // before the look: the child may have ended in time
    if (auto status = poll()) return *status;
    if (heeds && interrupted()) return fail_interrupted();
    if (late) return fail(ErrorKind::timeout, "process {} did not end in its time", pid_);
    std::array<pollfd, 2> waits = {pollfd{pidfd_.get(), POLLIN, 0},
                                   pollfd{heeds ? interrupt_fd() : -1, POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), slices.next().poll_timeout());
    if (ready < 0 && errno != EINTR) return fail_errno("cannot wait for process {}", pid_);
  }
}

std::optional<ExitStatus> Child::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, WNOHANG);
  if (got == pid_) status_ = from_wait_status(status);
  return status_;
}

Result<CommandResult> run_command(const CommandLine& command, const RunLimits& limits,
                                  Streams streams, const OutputSink& on_output) {
  CommandResult result;
  KOBOX_TRY(auto out, make_pipe());
  std::vector<Capture> captures;
  captures.push_back({std::move(out.first), &result.output, &on_output});
  Fd error_end;
  if (streams == Streams::separate) {
    KOBOX_TRY(auto err, make_pipe());
    captures.push_back({std::move(err.first), &result.error, nullptr});
    error_end = std::move(err.second);
  }
  const int error_fd = error_end ? error_end.get() : out.second.get();
  KOBOX_TRY(auto child, Child::spawn(command, {.standard_output = out.second.get(),
                                               .standard_error = error_fd}));
  out.second.reset();
  error_end.reset();
  KOBOX_CHECK(drain_all(captures, limits, result.truncated, command.argv[0], child.pid()));
  // Its streams have ended in time; so a process that just ends has the moment that it needs.
  const auto end = limits.deadline.passed() ? Deadline::after(k_ending) : limits.deadline;
  KOBOX_TRY(result.status, child.wait(end, limits.on_interrupt));
  return result;
}

std::optional<std::filesystem::path> find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) {
    if (::access(std::string(name).c_str(), X_OK) == 0) return std::filesystem::path(name);
    return std::nullopt;
  }
  const char* path = std::getenv("PATH");
  for (const auto& directory : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    auto candidate = std::filesystem::path(directory.empty() ? "." : directory) / name;
    std::error_code ignored;
    if (::access(candidate.c_str(), X_OK) == 0 &&
        std::filesystem::is_regular_file(candidate, ignored))
      return candidate;
  }
  return std::nullopt;
}

}  // namespace kobox
