// SPDX-License-Identifier: GPL-2.0-or-later
// A scripted QMP server on the same loop as the client under test, after the model of libvirt's
// tests/qemumonitortestutils.c: it knows the commands that will come, in their order, checks each
// one's arguments, and fails the test for anything else.
#pragma once

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/post.hpp>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/line_splitter.h"
#include "vm/event_loop.h"

namespace kobox::testing {

class QmpPeer {
 public:
  using Json = nlohmann::json;
  // Given the command's id, everything that the server writes.
  using Answer = std::function<std::string(const Json& id)>;

  QmpPeer(EventLoop& loop, Fd fd)
      : loop_(loop),
        fd_(fd.get()),
        channel_(std::make_unique<Channel>(loop, std::move(fd),
                                           [this](std::string_view bytes) { take(bytes); })) {
    std::signal(SIGPIPE, SIG_IGN);  // as kobox does
  }
  ~QmpPeer() {
    for (const auto& one : script_) ADD_FAILURE() << "never asked to " << one.command;
  }
  QmpPeer(const QmpPeer&) = delete;
  QmpPeer& operator=(const QmpPeer&) = delete;

  void say(std::string bytes) {
    if (slow_)
      say_slowly(std::move(bytes));
    else
      channel_->send(std::move(bytes));
  }
  // From now on each byte is written only when the one before was read.
  void speak_slowly() { slow_ = true; }
  void greet() {
    say(R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, )"
        R"("capabilities": ["oob"]}})"
        "\r\n");
  }
  bool sent() const { return channel_->unsent() == 0; }
  void hang_up() { channel_.reset(); }

  void expect(std::string command, Json arguments, Answer answer) {
    script_.push_back({std::move(command), std::move(arguments), std::move(answer)});
  }
  void expect(std::string command, Json arguments, const Json& value) {
    expect(std::move(command), std::move(arguments),
           [value](const Json& id) { return Json{{"return", value}, {"id", id}}.dump() + "\r\n"; });
  }
  // Both ends of the usual beginning.
  void greet_and_negotiate() {
    greet();
    expect("qmp_capabilities", Json::object(), Json::object());
  }
  bool done() const { return script_.empty(); }

 private:
  struct Step {
    std::string command;
    Json arguments;
    Answer answer;
  };

  void take(std::string_view bytes) {
    lines_.feed(bytes, [this](StreamLine line) {
      ASSERT_FALSE(line.cut);
      answer(Json::parse(line.text, nullptr, false));
    });
  }
  void answer(const Json& message) {
    ASSERT_TRUE(message.is_object()) << "not a JSON object";
    EXPECT_TRUE(message.value("id", Json()).is_number_unsigned()) << message;
    ASSERT_FALSE(script_.empty()) << "not expected: " << message;
    const auto step = std::move(script_.front());
    script_.pop_front();
    EXPECT_EQ(message.value("execute", Json()), step.command);
    EXPECT_EQ(message.value("arguments", Json()), step.arguments);
    EXPECT_EQ(message.size(), 3U) << message;
    if (auto reply = step.answer(message.value("id", Json())); !reply.empty())
      say(std::move(reply));
  }

  void say_slowly(std::string bytes) {
    if (bytes.empty() || !channel_) return;
    int unread = 0;
    if (channel_->unsent() == 0 && ::ioctl(fd_, SIOCOUTQ, &unread) == 0 && unread == 0) {
      channel_->send(bytes.substr(0, 1));
      bytes.erase(0, 1);
    }
    asio::post(loop_.io(),
               [this, rest = std::move(bytes)]() mutable { say_slowly(std::move(rest)); });
  }

  EventLoop& loop_;
  int fd_;
  bool slow_ = false;
  std::deque<Step> script_;
  LineSplitter lines_{std::size_t{1} << 20};
  std::unique_ptr<Channel> channel_;
};

}  // namespace kobox::testing
