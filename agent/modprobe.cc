// SPDX-License-Identifier: GPL-2.0-or-later
#include "modprobe.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "guest/wire.h"
#include "image/layout.h"
#include "system.h"

namespace kobox::agent {
namespace {

constexpr std::size_t k_max_packet = 4096;

sockaddr_un address_of(const char* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

// Name, NUL, parameters.
std::optional<ModprobeRequest> parse_packet(std::string_view packet) {
  const auto end = packet.find('\0');
  if (end == 0 || end == std::string_view::npos) return std::nullopt;
  return ModprobeRequest{.name = std::string(packet.substr(0, end)),
                         .parameters = std::string(packet.substr(end + 1))};
}

// Returns only where the system has no modprobe.
void run_system_modprobe(const std::vector<std::string>& arguments) {
  std::vector<char*> words = {const_cast<char*>(layout::k_system_modprobe)};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(layout::k_system_modprobe, words.data());
}

}  // namespace

bool is_modprobe(const std::string& program) {
  return program == "modprobe" || program.ends_with("/modprobe");
}

ModprobeArguments parse_modprobe(const std::vector<std::string>& arguments) {
  ModprobeArguments parsed;
  bool options = true;
  for (const auto& argument : arguments) {
    if (options && parsed.request.name.empty() && argument.starts_with('-')) {
      if (argument == "--")
        options = false;
      else if (argument == "-q" || argument == "--quiet")
        parsed.quiet = true;
      else if (argument == "-r" || argument == "--remove")
        parsed.remove = true;
      else if (argument != "-b" && argument != "-v" && argument != "-s")
        parsed.mistake = "the option " + argument + " is not known here";
    } else if (parsed.request.name.empty()) {
      parsed.request.name = argument;
    } else {
      parsed.request.parameters += (parsed.request.parameters.empty() ? "" : " ") + argument;
    }
  }
  if (parsed.mistake.empty() && parsed.request.name.empty())
    parsed.mistake = "say which module: modprobe [-q] [-r] NAME [PARAMETERS]";
  return parsed;
}

std::string ask_modprobe(const char* path, const ModprobeRequest& request) {
  const Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto address = address_of(path);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::string("kobox cannot be asked: ") + std::strerror(errno);
  const auto packet = request.name + '\0' + request.parameters;
  if (packet.size() > k_max_packet) return "the request is too long";
  if (::send(socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0)
    return std::string("kobox cannot be asked: ") + std::strerror(errno);
  pollfd wait = {socket.get(), POLLIN, 0};
  if (::poll(&wait, 1, wire::k_modprobe_seconds * 1000) <= 0) return "kobox does not answer";
  std::array<char, k_max_packet> answer;
  const auto got = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (got <= 0) return "kobox does not answer";
  return {answer.data() + 1, static_cast<std::size_t>(got - 1)};  // after the mark
}

int run_modprobe(const std::vector<std::string>& arguments) {
  const auto parsed = parse_modprobe(arguments);
  if (parsed.remove || !parsed.mistake.empty()) run_system_modprobe(arguments);
  auto error = parsed.mistake;
  if (error.empty() && parsed.remove) {
    const int failed = unload_module(parsed.request.name);
    if (failed != 0) error = std::strerror(failed);
  } else if (error.empty()) {
    error = ask_modprobe(k_modprobe_socket, parsed.request);
  }
  if (error.empty()) return 0;
  if (!parsed.quiet)
    std::fprintf(stderr, "modprobe: %s%s%s\n", parsed.request.name.c_str(),
                 parsed.request.name.empty() ? "" : ": ", error.c_str());
  return 1;
}

void become_modprobe() {
  std::array<char, 4096> self;
  const auto size = ::readlink("/proc/self/exe", self.data(), self.size());
  if (size <= 0) return;
  const std::string program(self.data(), static_cast<std::size_t>(size));
  ::unlink(layout::k_modprobe);  // a kept disk may have that of another agent
  if (::symlink(program.c_str(), layout::k_modprobe) == 0)
    write_setting("/proc/sys/kernel/modprobe", layout::k_modprobe);
}

int ModprobeRequests::listen(const char* path) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(path);
  if (!socket || (::unlink(path) != 0 && errno != ENOENT) ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), k_most) != 0)
    return errno;
  listener_ = std::move(socket);
  return 0;
}

std::vector<int> ModprobeRequests::descriptors() const {
  std::vector<int> all;
  if (listener_) all.push_back(listener_.get());
  for (const auto& one : asking_)
    if (!one.asked) all.push_back(one.socket.get());
  return all;
}

void ModprobeRequests::accept() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(asking_, [&](const Asking& one) { return one.gone < now; });
  while (listener_) {
    Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (asking_.size() >= k_most) continue;  // closed, which is an answer too
    asking_.push_back({.id = ++last_id_,
                       .socket = std::move(socket),
                       .gone = now + std::chrono::seconds(wire::k_modprobe_seconds)});
  }
}

void ModprobeRequests::take(
    const std::function<void(std::uint64_t, const ModprobeRequest&)>& on_request) {
  accept();
  for (auto one = asking_.begin(); one != asking_.end();) {
    const auto here = one++;
    if (here->asked) continue;
    std::array<char, k_max_packet> packet;
    const auto got = ::recv(here->socket.get(), packet.data(), packet.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    const auto request =
        parse_packet({packet.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
    if (request) {
      here->asked = true;
      on_request(here->id, *request);
    } else {
      asking_.erase(here);
    }
  }
}

void ModprobeRequests::answer(std::uint64_t id, const std::string& error) {
  const auto one = std::ranges::find(asking_, id, &Asking::id);
  if (one == asking_.end()) return;
  // A mark first: a packet without a byte would look like the socket's end.
  const auto packet = "=" + error.substr(0, k_max_packet - 1);
  [[maybe_unused]] const auto sent =
      ::send(one->socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
  asking_.erase(one);
}

}  // namespace kobox::agent
