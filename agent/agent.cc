// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/klog.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <iterator>
#include <optional>

#include "system.h"
#include "users.h"

namespace kobox::agent {
namespace {

// Requests come from our own host side, so a missing member is a defect there, not an attack;
// still nothing here throws: a wrong type reads as the default.
std::string text(const Json& request, const char* key) {
  const auto it = request.find(key);
  if (it == request.end()) return "";
  if (it->is_string()) return it->get<std::string>();
  if (it->is_binary()) return {it->get_binary().begin(), it->get_binary().end()};
  return "";
}

std::int64_t number(const Json& request, const char* key) {
  const auto it = request.find(key);
  return it != request.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

Json failure(int error) {
  return {{"ok", false}, {"errno", error}, {"error", std::strerror(error)}};
}

Json failure_unless(int error) { return error == 0 ? Json::object() : failure(error); }

Json as_binary(const std::string& bytes) { return Json::binary({bytes.begin(), bytes.end()}); }

Json put_file(const Json& request) {
  const auto path = text(request, "path");
  const auto data = text(request, "data");
  const auto append = request.value("append", Json(false)) == true;
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return failure(errno);
  int error = 0;
  std::size_t done = 0;
  while (done < data.size() && error == 0) {
    const auto wrote = ::write(fd, data.data() + done, data.size() - done);
    if (wrote < 0 && errno != EINTR) error = errno;
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  if (error == 0 && ::fchmod(fd, static_cast<mode_t>(number(request, "mode"))) != 0) error = errno;
  ::close(fd);
  return failure_unless(error);
}

Json get_file(const Json& request) {
  const int fd = ::open(text(request, "path").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failure(errno);
  const auto max = std::clamp<std::int64_t>(number(request, "max"), 0, wire::k_chunk);
  std::vector<std::uint8_t> data(static_cast<std::size_t>(max));
  const auto got = ::pread(fd, data.data(), data.size(), number(request, "offset"));
  const int error = errno;
  ::close(fd);
  if (got < 0) return failure(error);
  data.resize(static_cast<std::size_t>(got));
  return {{"end", got < max}, {"data", Json::binary(std::move(data))}};
}

// For tracefs' trace_pipe_raw: whole pages, each of which can be read once.
Json drain_file(const Json& request) {
  constexpr std::size_t k_page = 4096;
  const int fd = ::open(text(request, "path").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failure(errno);
  const auto max = std::clamp<std::int64_t>(number(request, "max"), 0, wire::k_chunk);
  std::vector<std::uint8_t> data;
  ssize_t got = 1;
  while (got > 0 && data.size() + k_page <= static_cast<std::size_t>(max)) {
    const auto size = data.size();
    data.resize(size + k_page);
    do got = ::read(fd, data.data() + size, k_page);
    while (got < 0 && errno == EINTR);
    data.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  const int error = got < 0 && errno != EAGAIN ? errno : 0;
  ::close(fd);
  if (error != 0 && data.empty()) return failure(error);  // else what was taken would be lost
  return {{"end", got <= 0 && error == 0}, {"data", Json::binary(std::move(data))}};
}

// How many records the kernel's log can hold: there is a descriptor for each 32 bytes of its text
// (PRB_AVGBITS in kernel/printk/printk.c).
std::size_t log_capacity() {
  constexpr int k_size_of_buffer = 10;  // SYSLOG_ACTION_SIZE_BUFFER, syslog(2)
  constexpr int k_usual = 1 << 17;
  const int size = ::klogctl(k_size_of_buffer, nullptr, 0);
  return static_cast<std::size_t>(size > 0 ? size : k_usual) / 32;
}

Json rename_file(const Json& request) {
  const bool done = ::rename(text(request, "path").c_str(), text(request, "to").c_str()) == 0;
  return failure_unless(done ? 0 : errno);
}

// Of a machine with one processor: does its console print in a thread of its own, as the serial one
// does from 7.3 on? Such a one has an "N" among its flags (fs/proc/consoles.c).
bool lockup_silences_console() {
  if (::sysconf(_SC_NPROCESSORS_ONLN) > 1) return false;
  bool threaded = false;
  for_each_line(read_text("/proc/consoles"), [&](const std::string& line) {
    const auto flags = line.substr(std::min(line.find('('), line.size()));
    threaded |= flags.substr(0, flags.find(')')).find('N') != std::string::npos;
  });
  return threaded;
}

Json configure(const Json& request) {
  const auto set = [](const char* path, std::int64_t value) {
    write_setting(path, std::to_string(value));
  };
  if (const auto seconds = number(request, "watchdog_s"); seconds > 0) {
    set("/proc/sys/kernel/watchdog_thresh", seconds);
    // A stall is noticed after the soft lockup that causes it, if that is what it is.
    set("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout",
        std::max<std::int64_t>(3, 3 * seconds));
    // The thread does not run while the processor is stuck; a panic prints all that is waiting.
    if (lockup_silences_console()) set("/proc/sys/kernel/softlockup_panic", 1);
  }
  if (const auto seconds = number(request, "hung_task_s"); seconds > 0)
    set("/proc/sys/kernel/hung_task_timeout_secs", seconds);
  if (const auto level = number(request, "console_level"); level > 0)
    set("/proc/sys/kernel/printk", level);
  if (const auto epoch = number(request, "epoch_us"); epoch > 0) {
    const timespec now = {epoch / 1'000'000, (epoch % 1'000'000) * 1000};
    ::clock_settime(CLOCK_REALTIME, &now);
  }
  if (number(request, "serve_modules") != 0) become_modprobe();
  if (number(request, "one_cpu") != 0) {
    // Children inherit it.
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
    ::sched_setaffinity(0, sizeof here, &here);
  }
  return failure_unless(reseed(text(request, "seed")));
}

}  // namespace

Agent::Agent(int port)
    : port_(port), kmsg_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  // Signals sent to PID 1 that it does not handle are dropped by the kernel; with all of them
  // blocked nothing in the guest can kill the agent (kernel/signal.c, SIGNAL_UNKILLABLE).
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  signals_ = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  log_capacity_ = log_capacity();
  modprobes_.listen(k_modprobe_socket);
}

void Agent::serve() {
  say_hello();
  while (true) wait_and_dispatch();
}

void Agent::say_hello() {
  utsname name = {};
  ::uname(&name);
  port_.send({{"event", "hello"}, {"protocol", wire::k_protocol}, {"release", name.release}});
}

void Agent::wait_and_dispatch() {
  std::vector<pollfd> waits = {
      {port_.fd(), static_cast<short>(POLLIN | (port_.wants_to_write() ? POLLOUT : 0)), 0},
      {signals_, POLLIN, 0},
  };
  for (const int fd : modprobes_.descriptors()) waits.push_back({fd, POLLIN, 0});
  // With the port full, producers wait: the kernel keeps its log, pipes keep their writers.
  if (!port_.congested()) {
    waits.push_back({kmsg_, POLLIN, 0});
    for (auto& job : jobs_)
      for (const auto* stream : {&job.out(), &job.err()})
        if (stream->fd) waits.push_back({stream->fd.get(), POLLIN, 0});
  }
  const int timeout = poll_timeout();
  const auto woken_by = Clock::now() + std::chrono::milliseconds(timeout);
  ::poll(waits.data(), waits.size(), timeout);
  if (timeout >= 0) forgive(Clock::now() - woken_by);

  port_.flush();
  if (!port_.congested()) {
    send_kernel_log(log_capacity_);
    for (auto& job : jobs_) job.read_streams(port_);
  }
  reap();  // first: what has ended is no longer late
  check_limits();
  modprobes_.take([this](std::uint64_t id, const ModprobeRequest& request) {
    port_.send({{"event", "modprobe"},
                {"id", id},
                {"name", as_binary(request.name)},
                {"params", as_binary(request.parameters)}});
  });
  port_.receive([this](const Json& request) { handle(request); });
}

// The guest's clock goes on while its QEMU is stopped (SIGSTOP), and then all limits seem to have
// passed at once. A poll that comes back far too late tells of it.
void Agent::forgive(Clock::duration late) {
  if (late < std::chrono::seconds(1)) return;  // a busy host
  for (auto& job : jobs_) job.extend_limit(late);
}

int Agent::poll_timeout() const {
  constexpr std::int64_t k_slice = 1000;  // so that it is seen by how much a poll is late
  int timeout = -1;
  for (const auto& job : jobs_) {
    if (!job.limit()) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*job.limit() - Clock::now());
    const int wait = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, k_slice));
    timeout = timeout < 0 ? wait : std::min(timeout, wait);
  }
  return timeout;
}

void Agent::handle(const Json& request) {
  const auto operation = text(request, "op");
  const auto id = static_cast<std::uint64_t>(number(request, "id"));
  if (operation == "run") return start_job(request, Job::Kind::captured);
  if (operation == "terminal") return start_job(request, Job::Kind::terminal);
  if (operation == "load" || operation == "unload" || operation == "users")
    return start_job(request, Job::Kind::call);
  if (operation == "poweroff") power_off();
  if (operation == "input" || operation == "resize") {
    for (const auto& job : jobs_) {
      if (job.id() != static_cast<std::uint64_t>(number(request, "terminal"))) continue;
      if (operation == "input")
        job.input(text(request, "data"));
      else
        job.resize(static_cast<unsigned>(number(request, "rows")),
                   static_cast<unsigned>(number(request, "columns")));
    }
    return;
  }
  reply(id, answer(operation, request));
}

Json Agent::answer(const std::string& operation, const Json& request) {
  if (operation == "configure") return configure(request);
  if (operation == "put") return put_file(request);
  if (operation == "get") return get_file(request);
  if (operation == "drain") return drain_file(request);
  if (operation == "rename") return rename_file(request);
  if (operation == "sections") return {{"sections", module_sections(text(request, "name"))}};
  if (operation == "mark") {
    marked_ = inventory();
    return Json::object();
  }
  if (operation == "others") {
    note_others(request.value("begin", Json(false)) == true);
    return Json::object();
  }
  if (operation == "modprobed") {
    modprobes_.answer(static_cast<std::uint64_t>(number(request, "modprobe")),
                      text(request, "error"));
    return Json::object();
  }
  if (operation == "new") return {{"entries", new_entries(marked_)}};
  return failure(ENOSYS);
}

void Agent::note_others(bool begin) {
  if (begin) {
    before_others_ = inventory();
    return;
  }
  const auto fresh = new_entries(before_others_);
  std::vector<std::string> all;
  std::ranges::set_union(marked_, fresh, std::back_inserter(all));
  marked_ = std::move(all);
}

// In a process of its own: see Job::Kind::call.
int Agent::call_in_child(const Json& request) {
  const auto operation = text(request, "op");
  const auto name = text(request, "name");
  if (operation == "load") return load_module(text(request, "path"), text(request, "params"));
  if (operation == "unload") return unload_module(name);
  // Without a mark nothing is known to be new.
  const auto found = users_of(name, marked_.empty() ? marked_ : new_entries(marked_));
  return ::write(STDOUT_FILENO, found.data(), found.size()) < 0 ? errno : 0;
}

void Agent::start_job(const Json& request, Job::Kind kind) {
  const Job::Start start = {.id = static_cast<std::uint64_t>(number(request, "id")),
                            .kind = kind,
                            .command = text(request, "command"),
                            .call = [this, request] { return call_in_child(request); },
                            .timeout_ms = number(request, "timeout_ms"),
                            .max_output = static_cast<std::size_t>(number(request, "max_output")),
                            .rows = static_cast<unsigned>(number(request, "rows")),
                            .columns = static_cast<unsigned>(number(request, "columns")),
                            .term = text(request, "term")};
  std::optional<Job> job;
  if (const int error = Job::start(start, job); error != 0) return reply(start.id, failure(error));
  jobs_.push_back(std::move(*job));
}

void Agent::reply(std::uint64_t id, Json members) {
  // What was logged before the reply is seen before it. That is no more than the log holds, which
  // is the bound: others may log without end.
  for (auto left = log_capacity_; left > 0;) {
    const auto sent = send_kernel_log(left);
    if (sent == 0) break;
    left -= sent;
  }
  members["id"] = id;
  if (!members.contains("ok")) members["ok"] = true;
  port_.send(members);
}

std::size_t Agent::send_kernel_log(std::size_t most) {
  // Documentation/ABI/testing/dev-kmsg: one record a read; EPIPE when records were overwritten,
  // which the next one's sequence number tells the host.
  std::array<char, 8192> record;
  Json records = Json::array();
  for (std::size_t size = 0, reads = 0; size < wire::k_chunk && reads < most; ++reads) {
    const auto got = ::read(kmsg_, record.data(), record.size());
    if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (got <= 0) break;
    records.push_back(Json::binary({record.data(), record.data() + got}));
    size += static_cast<std::size_t>(got);
  }
  const auto sent = records.size();
  if (sent > 0) port_.send({{"event", "kmsg"}, {"records", std::move(records)}});
  return sent;
}

void Agent::reap() {
  signalfd_siginfo dropped;
  while (::read(signals_, &dropped, sizeof dropped) > 0) {
  }
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto job = std::ranges::find(jobs_, pid, &Job::pid);
    if (job == jobs_.end()) continue;  // an orphan that PID 1 inherited
    job->on_end(status);
    reply(job->id(), job->finish(port_));
    jobs_.erase(job);
  }
}

void Agent::check_limits() {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    if (job->limit() && *job->limit() <= Clock::now() && job->on_limit()) {
      reply(job->id(), job->finish(port_));
      job = jobs_.erase(job);
    } else {
      ++job;
    }
  }
}

}  // namespace kobox::agent
