// SPDX-License-Identifier: GPL-2.0-or-later
#include "fakes/fake_serve.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "guest/wire.h"

namespace kobox::testing {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return "";
  if (found->is_binary()) return {found->get_binary().begin(), found->get_binary().end()};
  return found->is_string() ? found->get<std::string>() : "";
}

void send(const Json& message) {
  std::string payload;
  Json::to_cbor(message, payload);
  write_all(k_agent, wire::frame(payload));
}

class Server {
 public:
  Server(const Reactions& reactions, Step step) : reactions_(reactions), step_(step) {}

  [[noreturn]] void go() {
    for (;;) {
      std::array<pollfd, 2> waits = {pollfd{k_monitor, POLLIN, 0}, pollfd{k_agent, POLLIN, 0}};
      if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) ::_exit(96);
      if (waits[0].revents != 0) take_monitor();
      if (waits[1].revents != 0) take_agent();
    }
  }

 private:
  // Does what is wanted at this key; false: nothing is, or an answer is still due.
  bool react(const std::string& key, const std::string& word, Json& reply) {
    const auto* chosen = &reactions_;
    auto found = chosen->end();
    for (auto it = chosen->begin(); it != chosen->end(); ++it) {
      const auto colon = it->first.find(':');
      if (it->first.substr(0, colon) != key) continue;
      if (colon == std::string::npos && found == chosen->end()) found = it;
      if (colon != std::string::npos && word.find(it->first.substr(colon + 1)) != std::string::npos)
        found = it;
    }
    if (found == chosen->end()) return false;
    for (const auto& [verb, rest] : found->second) {
      if (verb == "silent") return true;
      if (verb == "reply")
        reply.update(Json::parse(rest));
      else if (verb == "record")
        record(rest);
      else if (verb == "event")
        send(Json::parse(rest));
      else
        step_(verb, rest);
    }
    return false;
  }

  // "LEVEL TEXT", as the kernel's own in /dev/kmsg.
  void record(const std::string& rest) {
    const auto space = rest.find(' ');
    const auto line = rest.substr(0, space) + "," + std::to_string(sequence_) + "," +
                      std::to_string(1000 * sequence_) + ",-;" + rest.substr(space + 1) + "\n";
    ++sequence_;
    send({{"event", "kmsg"}, {"records", Json::array({Json::binary({line.begin(), line.end()})})}});
  }

  void take_agent() {
    std::array<char, 65536> bytes;
    const auto got = ::read(k_agent, bytes.data(), bytes.size());
    if (got <= 0) ::_exit(0);
    frames_.feed({bytes.data(), static_cast<std::size_t>(got)});
    while (const auto frame = frames_.next()) {
      if (std::exchange(data_follows_, false)) continue;
      answer_agent(Json::from_cbor(*frame));
    }
  }

  void answer_agent(const Json& request) {
    const auto operation = text_of(request, "op");
    data_follows_ = request.value("data_follows", false);
    if (operation == "poweroff") {
      step_("shutdown", "guest-shutdown");
      ::_exit(0);
    }
    const char* member = operation == "run" ? "command" : operation == "unload" ? "name" : "path";
    const auto word = text_of(request, member);
    Json reply = {{"id", request.at("id")}, {"ok", true}};
    if (!react(operation, word, reply)) send(reply);
  }

  void take_monitor() {
    const auto bytes = read_monitor(state_);
    if (bytes.empty()) ::_exit(0);
    commands_ += bytes;
    for (auto end = commands_.find('\n'); end != std::string::npos; end = commands_.find('\n')) {
      answer_monitor(Json::parse(commands_.substr(0, end), nullptr, false));
      commands_.erase(0, end + 1);
    }
  }

  void answer_monitor(const Json& request) {
    const auto command = request.value("execute", "");
    Json reply = {{"id", request.value("id", Json())}, {"return", Json::object()}};
    if (react("qmp." + command, "", reply)) return;
    if (reply.contains("error")) reply.erase("return");
    if (command == "human-monitor-command") reply["return"] = "";
    if (command == "migrate") write_all(state_, "state");
    write_all(k_monitor, reply.dump() + "\r\n");
    if (command == "migrate" || command == "migrate-incoming") step_("migration", "completed");
  }

  const Reactions& reactions_;
  Step step_;
  wire::FrameReader frames_;
  bool data_follows_ = false;
  std::string commands_;
  int state_ = -1;  // what getfd gave
  int sequence_ = 1;
};

}  // namespace

std::string read_monitor(int& fd) {
  std::array<char, 65536> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  iovec piece = {bytes.data(), bytes.size()};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto got = ::recvmsg(k_monitor, &message, 0);
  if (got <= 0) return "";
  const auto* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return {bytes.data(), static_cast<std::size_t>(got)};
}

void serve(const Reactions& reactions, Step step) { Server(reactions, step).go(); }

}  // namespace kobox::testing
