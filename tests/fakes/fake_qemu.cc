// SPDX-License-Identifier: GPL-2.0-or-later
// Stands in for qemu-system-x86_64: does what FAKE_QEMU_KVM or FAKE_QEMU_TCG says (by its own
// -accel), a list of steps separated by ';':
//
//   greet            QMP: the greeting, then the answer to qmp_capabilities
//   refuse           QMP: the greeting, then an error
//   hello [N]        the agent's hello on its port, protocol N (1); not in a fork, whose agent said
//                    it before it was saved
//   console TEXT     written to the console, with a newline
//   stderr TEXT      written to standard error, with a newline
//   monitor TEXT     written to the monitor, with a newline
//   answer [JSON]    QMP: takes a command and answers JSON ({})
//   error TEXT       QMP: takes a command and refuses it
//   take-fd TEXT     QMP: takes getfd with its descriptor, writes TEXT into that, answers
//   migration STATUS QMP: the event MIGRATION
//   shutdown REASON  QMP: the event SHUTDOWN
//   disk             adds the file's name that its disk's second layer has to FAKE_QEMU_LOG.disks
//   hang             waits until it is killed
//   work MS          uses so much of a processor's time
//   signal FIFO      lets the other machine go on, which waits with
//   await FIFO
//   on KEY STEP      a step for "serve": what it does at an operation of the agent's or a command
//   of
//                    the monitor's (fake_serve.h has the keys). Several for one key are done in
//                    their order. Besides the steps here there are:
//                      record LEVEL TEXT   a record of the kernel's log
//                      reply JSON          members of the answer, over {"ok": true}
//                      silent              no answer, and no further steps
//   serve            answers the agent's operations and the monitor's commands until it is killed
//   kill N           sends itself a signal
//   exit N           ends
//
// Each start adds its accelerator as a line to the file FAKE_QEMU_LOG, if that is set, its whole
// -accel to FAKE_QEMU_LOG.accels, its -kernel and -append to FAKE_QEMU_LOG.kernels, and how many of
// them are alive then, itself included, to FAKE_QEMU_LOG.alive. With FAKE_QEMU_LOG one list after
// the other can be given for the starts, separated by '|' (the last is for all further).
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "fakes/fake_serve.h"
#include "guest/wire.h"

void kobox::testing::write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

namespace {

using namespace kobox::testing;
using Json = nlohmann::json;

bool g_is_fork = false;
Reactions g_reactions;

std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

void greet(bool accept) {
  write_all(k_monitor, R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 99}}}})"
                       "\r\n");
  const auto command = Json::parse(read_line(k_monitor), nullptr, false);
  if (!command.is_object()) std::exit(90);
  if (command.value("execute", "") != "qmp_capabilities") std::exit(91);
  Json answer = {{"id", command.value("id", Json())}};
  if (accept)
    answer["return"] = Json::object();
  else
    answer["error"] = {{"class", "GenericError"}, {"desc", "not to you"}};
  write_all(k_monitor, answer.dump() + "\r\n");
}

void hello(int protocol) {
  if (g_is_fork) return;
  const Json message = {{"event", "hello"}, {"protocol", protocol}, {"release", "6.1.0-fake"}};
  std::string payload;
  Json::to_cbor(message, payload);
  write_all(k_agent, kobox::wire::frame(payload));
}

void answer(const std::string& command, const std::string& value) {
  const auto request = Json::parse(command, nullptr, false);
  if (!request.is_object()) std::exit(90);
  const Json reply = {{"id", request.value("id", Json())},
                      {"return", value.empty() ? Json::object() : Json::parse(value)}};
  write_all(k_monitor, reply.dump() + "\r\n");
}

void refuse(const std::string& command, const std::string& why) {
  const auto request = Json::parse(command, nullptr, false);
  if (!request.is_object()) std::exit(90);
  const Json reply = {{"id", request.value("id", Json())},
                      {"error", {{"class", "GenericError"}, {"desc", why}}}};
  write_all(k_monitor, reply.dump() + "\r\n");
}

void take_fd(const std::string& text) {
  int fd = -1;
  const auto line = read_monitor(fd);
  if (fd < 0) std::exit(94);
  write_all(fd, text);
  ::close(fd);
  answer(line, "");
}

void work(int milliseconds) {
  const auto end = std::clock() + std::clock_t{milliseconds} * CLOCKS_PER_SEC / 1000;
  while (std::clock() < end) {
  }
}

void tell_disk() {
  constexpr const char* k_second_layer = "/proc/self/fd/8";  // k_disk_fd + 1 (vm/machine.h)
  std::array<char, 4096> name = {};
  if (::readlink(k_second_layer, name.data(), name.size() - 1) < 0) std::exit(95);
  std::ofstream(std::string(std::getenv("FAKE_QEMU_LOG")) + ".disks", std::ios::app)
      << name.data() << "\n";
}

void step(const std::string& verb, const std::string& rest);

// "KEY STEP"
void add_reaction(const std::string& text) {
  std::istringstream words(text);
  std::string key, verb, rest;
  words >> key >> verb >> std::ws;
  std::getline(words, rest);
  g_reactions[key].push_back({verb, rest});
}

// Who is alive holds a lock on a file of its own, whose descriptor is never closed.
void count_alive(const std::string& log) {
  const auto open_locked = [](const std::string& path, int how) {
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && ::flock(fd, how) == 0) return fd;
    if (fd >= 0) ::close(fd);
    return -1;
  };
  const int counting = open_locked(log + ".counting", LOCK_EX);
  const auto directory = log + ".living";
  std::filesystem::create_directories(directory);
  open_locked(directory + "/" + std::to_string(::getpid()), LOCK_EX);
  int alive = 1;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename() == std::to_string(::getpid())) continue;
    const int theirs = open_locked(entry.path(), LOCK_EX | LOCK_NB);
    if (theirs < 0)
      ++alive;
    else
      ::close(theirs);
  }
  std::ofstream(log + ".alive", std::ios::app) << alive << "\n";
  ::close(counting);
}

void step(const std::string& verb, const std::string& rest) {
  if (verb == "greet") return greet(true);
  if (verb == "refuse") return greet(false);
  if (verb == "hello") return hello(rest.empty() ? kobox::wire::k_protocol : std::stoi(rest));
  if (verb == "console") return write_all(k_console, rest + "\r\n");
  if (verb == "stderr") return write_all(STDERR_FILENO, rest + "\n");
  if (verb == "monitor") return write_all(k_monitor, rest + "\n");
  if (verb == "answer") return answer(read_line(k_monitor), rest);
  if (verb == "error") return refuse(read_line(k_monitor), rest);
  if (verb == "take-fd") return take_fd(rest);
  if (verb == "migration")
    return write_all(k_monitor,
                     Json{{"event", "MIGRATION"}, {"data", {{"status", rest}}}}.dump() + "\n");
  if (verb == "shutdown")
    return write_all(
        k_monitor,
        Json{{"event", "SHUTDOWN"}, {"data", {{"guest", true}, {"reason", rest}}}}.dump() + "\n");
  if (verb == "disk") return tell_disk();
  if (verb == "on") return add_reaction(rest);
  if (verb == "serve") serve(g_reactions, step);
  if (verb == "hang")
    while (true) ::pause();
  if (verb == "signal") return write_all(::open(rest.c_str(), O_RDWR | O_CLOEXEC), "\n");
  if (verb == "await") {
    read_line(::open(rest.c_str(), O_RDONLY | O_CLOEXEC));
    return;
  }
  if (verb == "work") return work(std::stoi(rest));
  if (verb == "kill") ::raise(std::stoi(rest));
  if (verb == "exit") ::_exit(std::stoi(rest));
  std::cerr << "fake QEMU: unknown step " << verb << "\n";
  ::_exit(92);
}

// The one for the latest start.
std::string script_of(const std::string& scripts, const char* log) {
  std::size_t starts = 0;
  std::ifstream lines(log != nullptr ? log : "/dev/null");
  for (std::string line; std::getline(lines, line);) ++starts;
  std::istringstream alternatives(scripts);
  std::string script;
  for (std::size_t i = 0; i < std::max<std::size_t>(starts, 1); ++i)
    if (!std::getline(alternatives, script, '|')) break;
  return script;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto value_of = [&](std::string_view option) -> std::string_view {
    for (int i = 1; i + 1 < argc; ++i)
      if (argv[i] == option) return argv[i + 1];
    return "";
  };
  const auto accel = value_of("-accel");
  const bool kvm = accel == "kvm";
  for (int i = 1; i < argc; ++i) g_is_fork = g_is_fork || std::string_view(argv[i]) == "-incoming";
  const char* log = std::getenv("FAKE_QEMU_LOG");
  if (log != nullptr) {
    std::ofstream(log, std::ios::app) << (kvm ? "kvm\n" : "tcg\n");
    std::ofstream(std::string(log) + ".accels", std::ios::app) << accel << "\n";
    std::ofstream(std::string(log) + ".kernels", std::ios::app)
        << value_of("-kernel") << " " << value_of("-append") << "\n";
    count_alive(log);
  }
  const char* script = std::getenv(kvm ? "FAKE_QEMU_KVM" : "FAKE_QEMU_TCG");
  if (script == nullptr) return 93;
  std::istringstream steps(script_of(script, log));
  for (std::string one; std::getline(steps, one, ';');) {
    const auto space = one.find(' ');
    step(one.substr(0, space), space == std::string::npos ? "" : one.substr(space + 1));
  }
  return 0;
}
