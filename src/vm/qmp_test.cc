// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/qmp_peer.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Json = nlohmann::json;

Deadline soon() { return Deadline::after(10s); }  // only a defect lets it pass

template <class Kind>
Kind parsed(std::string_view line) {
  auto message = parse_qmp(line);
  if (!message || !std::holds_alternative<Kind>(*message)) {
    ADD_FAILURE() << line << (message ? ": of another kind" : ": " + message.error().to_string());
    return {};
  }
  return std::get<Kind>(*message);
}

TEST(ParseQmp, Greeting) {
  EXPECT_EQ(
      parsed<QmpGreeting>(R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7},)"
                          R"( "package": "Debian"}, "capabilities": ["oob"]}})")
          .version,
      "7.2.22");
}

TEST(ParseQmp, GreetingOfOddShapeStillGreets) {
  for (const char* line :
       {R"({"QMP": null})", R"({"QMP": []})", R"({"QMP": {"version": [1]}})",
        R"({"QMP": {"version": {"qemu": 3}}})", R"({"QMP": {"version": {"qemu": ["major"]}}})",
        R"({"QMP": {"version": {"qemu": {"major": -7, "minor": "2", "micro": 1.5}}}})"})
    EXPECT_EQ(parsed<QmpGreeting>(line).version, "0.0.0") << line;
}

TEST(ParseQmp, Reply) {
  const auto reply = parsed<QmpReply>(R"({"return": {"running": true}, "id": 7})");
  EXPECT_EQ(reply.id, 7U);
  EXPECT_EQ(reply.value, Json({{"running", true}}));
  EXPECT_EQ(parsed<QmpReply>("{\"return\": [], \"id\": 18446744073709551615}\r").id,
            18446744073709551615U);
}

TEST(ParseQmp, ErrorWithAndWithoutId) {
  const auto with =
      parsed<QmpFailure>(R"({"id": 3, "error": {"class": "GenericError", "desc": "no"}})");
  EXPECT_EQ(with.id, 3U);
  EXPECT_EQ(with.error_class, "GenericError");
  EXPECT_EQ(with.description, "no");
  const auto without = parsed<QmpFailure>(R"({"error": {"class": 1}})");
  EXPECT_EQ(without.id, std::nullopt);
  EXPECT_EQ(without.error_class, "");
  EXPECT_EQ(without.description, "");
}

TEST(ParseQmp, Event) {
  const auto event =
      parsed<QmpEvent>(R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN",)"
                       R"( "data": {"guest": true, "reason": "guest-reset"}})");
  EXPECT_EQ(event.name, "SHUTDOWN");
  EXPECT_EQ(event.text("reason"), "guest-reset");
  EXPECT_EQ(event.text("guest"), "");
  EXPECT_EQ(event.text("none"), "");
  EXPECT_EQ(parsed<QmpEvent>(R"({"event": "STOP"})").data, Json::object());
}

TEST(ParseQmp, WhatIsNoMessageIsAProtocolError) {
  const std::string deep(500'000, '[');
  for (const std::string_view line :
       std::initializer_list<std::string_view>{"",
                                               " ",
                                               "garbage",
                                               "{",
                                               "[]",
                                               "null",
                                               "7",
                                               "\"QMP\"",
                                               "{}",
                                               R"({"id": 1})",
                                               R"({"event": "X", "data": []})",
                                               R"({"event": "X", "data": "text"})",
                                               R"({"event": "", "data": {}})",
                                               R"({"event": 7})",
                                               R"({"return": {}})",
                                               R"({"return": {}, "id": "one"})",
                                               R"({"return": {}, "id": -1})",
                                               R"({"return": {}, "id": 1.5})",
                                               R"({"return": {}, "id": 18446744073709551616})",
                                               R"({"return": 1e999, "id": 1})",
                                               R"({"error": "no", "id": 1})",
                                               R"({"error": null})",
                                               R"({"return": {}, "id": 1} {"return": {}, "id": 2})",
                                               "{\"event\": \"\xff\"}",
                                               std::string_view("\0\0\0", 3),
                                               "\xff\xfe\xfd",
                                               deep}) {
    const auto message = parse_qmp(line);
    ASSERT_FALSE(message) << line;
    EXPECT_EQ(message.error().kind(), ErrorKind::protocol);
    EXPECT_THAT(message.error().message(), HasSubstr("not QMP"));
    EXPECT_LT(message.error().message().size(), 1000U);
  }
}

class QmpClientTest : public ::testing::Test {
 protected:
  QmpClientTest() {
    auto ends = make_socket_pair().value();
    client_.emplace(loop_, std::move(ends.first));
    peer_.emplace(loop_, std::move(ends.second));
  }
  void negotiated() {
    peer_->greet_and_negotiate();
    const auto done = client_->negotiate(soon());
    ASSERT_TRUE(done) << done.error().to_string();
  }
  // No command: waits until the predicate holds.
  void run_until(const std::function<bool()>& predicate) {
    ASSERT_TRUE(loop_.wait_until(predicate, soon()));
  }

  void hang_up_when_sent() {
    if (peer_->sent())
      peer_->hang_up();
    else
      asio::post(loop_.io(), [this] { hang_up_when_sent(); });
  }

  EventLoop loop_;
  std::optional<QmpClient> client_;
  std::optional<testing::QmpPeer> peer_;
};

TEST_F(QmpClientTest, NegotiatesAndExecutes) {
  negotiated();
  peer_->expect("query-status", Json::object(), Json{{"running", true}});
  EXPECT_EQ(client_->execute("query-status", Json::object(), soon()).value(),
            Json({{"running", true}}));
  peer_->expect("stop", {{"why", "a \"reason\"\n"}}, Json::object());
  EXPECT_EQ(client_->execute("stop", {{"why", "a \"reason\"\n"}}, soon()).value(), Json::object());
}

TEST_F(QmpClientTest, EventsInBetweenAreKeptInOrder) {
  negotiated();
  peer_->expect("cont", Json::object(), [](const Json& id) {
    return "{\"event\": \"WAKEUP\"}\r\n\r\n  \n{\"return\": {}, \"id\": " + id.dump() +
           "}\r\n{\"event\": \"SHUTDOWN\", \"data\": {\"x\": \"y\"}}\r\n";
  });
  ASSERT_TRUE(client_->execute("cont", Json::object(), soon()));
  run_until([&] { return client_->events().size() == 2; });
  EXPECT_EQ(client_->events()[0].name, "WAKEUP");
  EXPECT_EQ(client_->events()[1].name, "SHUTDOWN");
  EXPECT_EQ(client_->events()[1].text("x"), "y");
}

TEST_F(QmpClientTest, TakesAnswersByteByByte) {
  peer_->speak_slowly();
  negotiated();
  peer_->expect("go", Json::object(), [&](const Json& id) {
    return "{\"event\": \"WAKEUP\"}\r\n" + Json{{"return", "fine"}, {"id", id}}.dump() + "\n";
  });
  EXPECT_EQ(client_->execute("go", Json::object(), soon()).value(), "fine");
  EXPECT_THAT(client_->events(), SizeIs(1));
}

TEST_F(QmpClientTest, KnowsForHowLongTheMachineStandsStill) {
  negotiated();
  EXPECT_FALSE(client_->standstill().stopped());
  const auto tells = [&](const char* event) {
    peer_->expect("go", Json::object(), [event](const Json& id) {
      return Json{{"event", event}}.dump() + "\n" + Json{{"return", 1}, {"id", id}}.dump() + "\n";
    });
    ASSERT_TRUE(client_->execute("go", Json::object(), soon()));
  };
  tells("RESUME");
  EXPECT_FALSE(client_->standstill().stopped());
  tells("STOP");
  EXPECT_TRUE(client_->standstill().stopped());
  tells("STOP");
  EXPECT_TRUE(client_->standstill().stopped());
  tells("RESUME");
  EXPECT_FALSE(client_->standstill().stopped());
  EXPECT_THAT(client_->events(), SizeIs(0)) << "there may be thousands of them";
}

TEST_F(QmpClientTest, ARefusalIsAnErrorWithQemusWords) {
  negotiated();
  for (const bool with_id : {true, false}) {
    peer_->expect("fly", Json::object(), [&](const Json& id) {
      Json message = {{"error", {{"class", "CommandNotFound"}, {"desc", "I have no wings"}}}};
      if (with_id) message["id"] = id;
      return message.dump() + "\n";
    });
    const auto answer = client_->execute("fly", Json::object(), soon());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind(), ErrorKind::tool);
    EXPECT_EQ(answer.error().to_string(), "QMP command fly: QEMU refuses: I have no wings");
  }
  peer_->expect("stop", Json::object(), Json::object());
  EXPECT_TRUE(client_->execute("stop", Json::object(), soon())) << "the next command works again";
}

TEST_F(QmpClientTest, RefusedNegotiationFails) {
  peer_->greet();
  peer_->expect("qmp_capabilities", Json::object(), [](const Json& id) {
    return Json{{"error", {{"class", "X"}, {"desc", "not today"}}}, {"id", id}}.dump() + "\n";
  });
  const auto done = client_->negotiate(soon());
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().to_string(), HasSubstr("not today"));
}

TEST_F(QmpClientTest, AnAnswerToAnotherIdIsNotOurs) {
  negotiated();
  peer_->expect("go", Json::object(), [](const Json& id) {
    const auto answer = [](std::uint64_t to, const char* value) {
      return Json{{"return", value}, {"id", to}}.dump() + "\n";
    };
    const auto own = id.get<std::uint64_t>();
    return answer(own + 100, "later") + answer(0, "none") + answer(own, "ours");
  });
  EXPECT_EQ(client_->execute("go", Json::object(), soon()).value(), "ours");
}

TEST_F(QmpClientTest, HangingUpBeforeTheGreeting) {
  peer_->hang_up();
  const auto done = client_->negotiate(soon());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::protocol);
  EXPECT_THAT(done.error().to_string(), HasSubstr("before it greeted"));
  EXPECT_TRUE(client_->ended());
}

TEST_F(QmpClientTest, HangingUpInTheMiddleOfAnAnswer) {
  negotiated();
  peer_->expect("go", Json::object(), [&](const Json&) {
    peer_->say("{\"return\": {\"half");
    asio::post(loop_.io(), [this] { hang_up_when_sent(); });
    return "";
  });
  const auto answer = client_->execute("go", Json::object(), soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::protocol);
  EXPECT_EQ(answer.error().to_string(), "QMP command go: QEMU ended");
  // And with a peer that is gone for good, at once.
  const auto next = client_->execute("go", Json::object(), soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().kind(), ErrorKind::protocol);
}

TEST_F(QmpClientTest, RubbishBreaksIt) {
  negotiated();
  peer_->expect("go", Json::object(), [](const Json& id) {
    return "Segmentation fault\n" + Json{{"return", 1}, {"id", id.get<int>() + 1}}.dump() + "\n";
  });
  const auto answer = client_->execute("go", Json::object(), soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::protocol);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("go: QEMU's monitor said something"));
  EXPECT_THAT(answer.error().to_string(), HasSubstr("Segmentation fault"));
}

TEST_F(QmpClientTest, AnOverLongLineBreaksIt) {
  negotiated();
  peer_->expect("go", Json::object(),
                [](const Json&) { return "{\"return\": \"" + std::string(2 << 20, 'x'); });
  const auto answer = client_->execute("go", Json::object(), soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::protocol);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("more than 1 MiB"));
}

TEST_F(QmpClientTest, ALongLineWithinTheLimitIsTaken) {
  negotiated();
  const std::string text(1'000'000, 'x');
  peer_->expect("go", Json::object(), Json(text));
  EXPECT_EQ(client_->execute("go", Json::object(), soon()).value(), text);
}

TEST_F(QmpClientTest, SilenceIsATimeout) {
  EXPECT_EQ(client_->negotiate(Deadline::after(20ms)).error().kind(), ErrorKind::timeout);
  negotiated();
  peer_->expect("go", Json::object(), [](const Json&) { return ""; });
  const auto answer = client_->execute("go", Json::object(), Deadline::after(20ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::timeout);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("QMP command go"));
  run_until([&] { return peer_->done(); });
}

TEST_F(QmpClientTest, ALateAnswerIsNotTakenForTheNextCommands) {
  negotiated();
  Json first;
  peer_->expect("one", Json::object(), [&](const Json& id) {
    first = id;
    return "";
  });
  EXPECT_FALSE(client_->execute("one", Json::object(), Deadline::after(20ms)));
  run_until([&] { return peer_->done(); });
  peer_->expect("two", Json::object(), [&](const Json& id) {
    return Json{{"return", "one's"}, {"id", first}}.dump() + "\n" +
           Json{{"return", "two's"}, {"id", id}}.dump() + "\n";
  });
  EXPECT_EQ(client_->execute("two", Json::object(), soon()).value(), "two's");
}

}  // namespace
}  // namespace kobox
