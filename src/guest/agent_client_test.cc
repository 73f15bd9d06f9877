// SPDX-License-Identifier: GPL-2.0-or-later
// The host's side against a scripted agent in the same process.
#include "guest/agent_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using Json = nlohmann::json;

Json binary(std::string_view text) { return Json::binary({text.begin(), text.end()}); }
std::string framed(const Json& message) {
  std::string payload;
  Json::to_cbor(message, payload);
  return wire::frame(payload);
}

// Answers when the client waits: each expected operation in its order, nothing else.
class AgentClientTest : public ::testing::Test {
 protected:
  using Answer = std::function<void(const Json& request)>;

  ~AgentClientTest() override {
    for (const auto& one : script_) ADD_FAILURE() << "never asked to " << one.operation;
  }
  void expect(std::string operation, Answer answer) {
    script_.push_back({std::move(operation), std::move(answer)});
  }
  // With the request's id and, unless it says otherwise, "ok".
  void expect(std::string operation, const Json& reply) {
    expect(std::move(operation), [this, reply](const Json& request) { answer(request, reply); });
  }
  void answer(const Json& request, Json reply) {
    reply["id"] = request.at("id");
    if (!reply.contains("ok")) reply["ok"] = true;
    client_.take(framed(reply));
  }
  void hello(const Json& protocol = wire::k_protocol) {
    client_.take(framed({{"event", "hello"}, {"protocol", protocol}, {"release", "6.1.0"}}));
  }
  void kmsg(const std::vector<std::string>& records) {
    auto list = Json::array();
    for (const auto& record : records) list.push_back(binary(record));
    client_.take(framed({{"event", "kmsg"}, {"records", list}}));
  }

  void send(const std::string& bytes) {
    reader_.feed(bytes);
    while (auto payload = reader_.next()) {
      if (!requests_.empty() && requests_.back().value("data_follows", false) &&
          !requests_.back().contains("data"))
        requests_.back()["data"] = *payload;
      else
        requests_.push_back(Json::from_cbor(*payload));
    }
    ASSERT_FALSE(reader_.broken());
  }
  // Lets the agent answer until the condition holds; then it is as if the deadline had passed.
  Result<> wait(const std::function<bool()>& condition, Deadline) {
    while (!condition()) {
      if (requests_.empty()) return fail(ErrorKind::timeout, "it did not happen in its time");
      const auto request = std::move(requests_.front());
      requests_.pop_front();
      if (script_.empty()) {
        ADD_FAILURE() << "not expected: " << request;
        return fail(ErrorKind::internal, "the script is at its end");
      }
      const auto step = std::move(script_.front());
      script_.pop_front();
      EXPECT_EQ(request.at("op"), step.operation);
      step.answer(request);
    }
    return {};
  }

  struct Step {
    std::string operation;
    Answer answer;
  };
  std::deque<Step> script_;
  std::deque<Json> requests_;
  wire::FrameReader reader_;
  AgentClient client_{[this](const std::string& bytes) { send(bytes); },
                      [this](const std::function<bool()>& condition, Deadline deadline) {
                        return wait(condition, deadline);
                      }};
};

TEST_F(AgentClientTest, Hello) {
  EXPECT_FALSE(client_.ready());
  hello();
  EXPECT_TRUE(client_.ready());
  EXPECT_EQ(client_.release(), "6.1.0");
  EXPECT_FALSE(client_.broken());
}

TEST_F(AgentClientTest, AnotherProtocolBreaksIt) {
  for (const auto& protocol : {Json(2), Json(0), Json("1"), Json(UINT64_MAX)}) {
    AgentClient client({}, {});
    client.take(framed({{"event", "hello"}, {"protocol", protocol}, {"release", "6.1.0"}}));
    EXPECT_FALSE(client.ready()) << protocol;
    ASSERT_TRUE(client.broken()) << protocol;
    EXPECT_EQ(client.broken()->kind(), ErrorKind::protocol);
    EXPECT_THAT(client.broken()->message(), HasSubstr("another version of kobox"));
  }
}

TEST_F(AgentClientTest, NothingIsTakenAfterTheProtocolWasBroken) {
  const auto wrong = framed({{"event", "hello"}, {"protocol", 2}, {"release", "x"}});
  const auto right = framed({{"event", "hello"}, {"protocol", 1}, {"release", "x"}});
  client_.take(wrong);
  client_.take(right);
  EXPECT_FALSE(client_.ready());
  AgentClient at_once({}, {});
  at_once.take(wrong + right);
  EXPECT_TRUE(at_once.broken());
  EXPECT_FALSE(at_once.ready()) << "also within one piece";
}

TEST_F(AgentClientTest, AModprobeIsServedFromOutsideOfTakeAndMayMeetAnother) {
  const auto asks = [&](int id, const std::string& name) {
    client_.take(framed({{"event", "modprobe"}, {"id", id}, {"name", name}, {"params", "a=1"}}));
  };
  const auto answered = [&](int id, const std::string& error) {
    expect("modprobed", [=](const Json& request) {
      EXPECT_EQ(request.at("modprobe"), id);
      EXPECT_EQ(request.at("error"), binary(error));
    });
    EXPECT_TRUE(wait([&] { return script_.empty(); }, Deadline::never()));
  };
  asks(1, "nobody listens");
  EXPECT_FALSE(client_.modprobe_waits());
  answered(1, "kobox loads no module now");
  std::vector<std::string> served;
  client_.serve_modprobe([&](const AgentModprobe& wanted) -> std::string {
    served.push_back(wanted.name + " " + wanted.parameters);
    if (wanted.name != "outer") return "not there";
    asks(3, "inner");
    EXPECT_TRUE(client_.modprobe_waits());
    client_.serve_next_modprobe();
    answered(3, "not there");
    return "";
  });
  asks(2, "outer");
  EXPECT_THAT(served, IsEmpty()) << "what it takes waits for the agent";
  ASSERT_TRUE(client_.modprobe_waits());
  client_.serve_next_modprobe();
  answered(2, "");
  EXPECT_THAT(served, ElementsAre("outer a=1", "inner a=1"));
  asks(4, "late");
  client_.serve_modprobe({});
  EXPECT_FALSE(client_.modprobe_waits()) << "there is nobody to serve it any more";
}

// A guest that asks without end is answered, and nothing grows.
TEST_F(AgentClientTest, SoManyModprobesWaitAndNoMore) {
  client_.serve_modprobe([](const AgentModprobe&) { return ""; });
  for (int i = 0; i < 66; ++i)
    client_.take(framed({{"event", "modprobe"}, {"id", i}, {"name", "x"}}));
  ASSERT_EQ(requests_.size(), 2U);
  EXPECT_EQ(requests_.front().at("modprobe"), 64);
  requests_.clear();
}

TEST_F(AgentClientTest, RunAsksAndTells) {
  expect("run", [&](const Json& request) {
    EXPECT_EQ(request.at("command"), binary("echo \xff"));
    EXPECT_EQ(request.at("timeout_ms"), 1500);
    EXPECT_EQ(request.at("max_output"), 1000);
    answer(request, {{"status", 3},
                     {"stdout", binary("o\0ut")},
                     {"stderr", binary("err")},
                     {"stdout_dropped", 5'000'000'000},
                     {"stderr_dropped", 1},
                     {"timed_out", true},
                     {"stuck", true},
                     {"signal", 9}});
  });
  const auto reply =
      client_.run({.command = "echo \xff", .timeout = 1500ms, .max_output = 1000}).value();
  EXPECT_EQ(reply.status, 3);
  EXPECT_EQ(reply.signal, 9);
  EXPECT_TRUE(reply.timed_out);
  EXPECT_TRUE(reply.stuck);
  EXPECT_EQ(reply.standard_error, "err");
  EXPECT_EQ(reply.dropped_output, 5'000'000'000U);
  EXPECT_EQ(reply.dropped_error, 1U);
}

TEST_F(AgentClientTest, ErrorRepliesAreErrorsOfTheTool) {
  const Json no = {{"ok", false}, {"errno", 13}, {"error", "Permission denied"}};
  expect("run", no);
  EXPECT_EQ(client_.run({.command = "x"}).error().to_string(),
            "the guest cannot start a command: Permission denied");
  expect("put", no);
  EXPECT_EQ(client_.put("/a", "x", 0644).error().to_string(),
            "cannot write /a in the guest: Permission denied");
  expect("get", no);
  const auto got = client_.get("/a", 10);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind(), ErrorKind::tool);
  EXPECT_EQ(got.error().to_string(), "cannot read /a in the guest: Permission denied");
}

TEST_F(AgentClientTest, WhatTheKernelRefusesIsAnAnswer) {
  expect("load", [&](const Json& request) {
    EXPECT_EQ(request.at("path"), "/m.ko");
    EXPECT_EQ(request.at("params"), "a=1");
    EXPECT_EQ(request.at("timeout_ms"), 2000);
    answer(request, {{"ok", false}, {"errno", 8}, {"error", "Exec format error"}});
  });
  const auto refused = client_.load("/m.ko", "a=1", 2s).value();
  EXPECT_FALSE(refused.done());
  EXPECT_EQ(refused.error_number, 8);
  EXPECT_EQ(refused.error, "Exec format error");
  expect("unload", {{"signal", 11}});
  EXPECT_TRUE(client_.unload("m", 1s).value().killed);
  expect("unload", {{"timed_out", true}});
  EXPECT_TRUE(client_.unload("m", 1s).value().timed_out);
  expect("unload", Json::object());
  EXPECT_TRUE(client_.unload("m", 1s).value().done());
}

TEST_F(AgentClientTest, SectionsAndInventory) {
  expect("sections", {{"sections", {{".text", 0xFFFFFFFFC0000000}, {".odd", "x"}, {".neg", -1}}}});
  EXPECT_THAT(client_.sections("m").value(), ElementsAre(Pair(".text", 0xFFFFFFFFC0000000)));
  expect("new", {{"entries", {"/dev/null", 7, "/dev/zero"}}});
  EXPECT_THAT(client_.new_in_inventory().value(), ElementsAre("/dev/null", "/dev/zero"));
}

TEST_F(AgentClientTest, UsersOfAModule) {
  expect("users", {{"stdout", binary("2\nthe module b\n\x1b[1mprocess\n\n")}});
  const auto found = client_.users("a").value();
  EXPECT_EQ(found.references, 2);
  EXPECT_THAT(found.users, ElementsAre("the module b", "\\x1b[1mprocess"));
  expect("users", {{"stdout", binary("2\nthe module b\nprocess 8")}, {"stdout_dropped", 9}});
  EXPECT_THAT(client_.users("a")->users, ElementsAre("the module b"));
  for (const auto& reply : {Json{{"ok", false}}, Json{{"stdout", binary("")}},
                            Json{{"stdout", binary("\nx\n")}}, Json{{"stdout", 7}}}) {
    expect("users", reply);
    const auto unknown = client_.users("a").value();
    EXPECT_EQ(unknown.references, -1) << reply;
    EXPECT_THAT(unknown.users, IsEmpty()) << reply;
  }
}

TEST_F(AgentClientTest, PutGoesInChunks) {
  std::string file;
  int parts = 0;
  for (int i = 0; i < 3; ++i)
    expect("put", [&](const Json& request) {
      EXPECT_EQ(request.at("append"), parts++ > 0);
      EXPECT_EQ(request.at("mode"), 0755);
      const auto data = request.at("data").get<std::string>();
      EXPECT_LE(data.size(), wire::k_chunk);
      file += data;
      answer(request, Json::object());
    });
  std::string bytes(2 * wire::k_chunk + 5, '\xff');
  bytes[wire::k_chunk] = 'x';
  ASSERT_TRUE(client_.put("/f", bytes, 0755));
  EXPECT_EQ(file, bytes);
  expect("put", [&](const Json& request) {
    EXPECT_FALSE(request.at("data_follows")) << "an empty file is made too";
    answer(request, Json::object());
  });
  ASSERT_TRUE(client_.put("/empty", "", 0644));
}

TEST_F(AgentClientTest, PutStopsAtTheFirstRefusal) {
  expect("put", Json::object());
  expect("put", {{"ok", false}, {"error", "No space left on device"}});
  EXPECT_FALSE(client_.put("/f", std::string(3 * wire::k_chunk, 'x'), 0644));
}

TEST_F(AgentClientTest, RenameNamesBoth) {
  expect("rename", [&](const Json& request) {
    EXPECT_EQ(request.at("path"), "/store/a");
    EXPECT_EQ(request.at("to"), "/bin/a");
    answer(request, Json::object());
  });
  EXPECT_TRUE(client_.rename("/store/a", "/bin/a"));
  expect("rename", {{"ok", false}, {"error", "No such file or directory"}});
  EXPECT_EQ(client_.rename("/store/a", "/bin/a").error().message(),
            "cannot rename /store/a in the guest: No such file or directory");
}

TEST_F(AgentClientTest, GetGoesInChunks) {
  const std::string file(wire::k_chunk + 10, 'g');
  for (const bool last : {false, true})
    expect("get", [&, last](const Json& request) {
      const auto offset = request.at("offset").get<std::size_t>();
      const auto max = request.at("max").get<std::size_t>();
      EXPECT_LE(max, wire::k_chunk);
      answer(request, {{"data", binary(file.substr(offset, max))}, {"end", last}});
    });
  EXPECT_EQ(client_.get("/f", 10 << 20).value(), file);
}

TEST_F(AgentClientTest, GetTakesNoMoreThanItsLimit) {
  expect("get", [&](const Json& request) {
    EXPECT_EQ(request.at("max"), 10U);
    answer(request, {{"data", binary(std::string(100, 'x'))}});
  });
  EXPECT_EQ(client_.get("/f", 10).value(), std::string(10, 'x'));
  expect("get", {{"data", binary("")}});
  EXPECT_EQ(client_.get("/f", 10).value(), "") << "no data and no end is an end";
}

TEST_F(AgentClientTest, ADrainEndsWithAnAnswerThatBringsNothing) {
  expect("drain", {{"data", binary("one")}});
  expect("drain", {{"data", binary("")}});
  EXPECT_EQ(client_.drain("/f", 10).value(), "one");
  expect("drain", {{"data", binary("0123456789ab")}, {"end", false}});
  EXPECT_EQ(client_.drain("/f", 10).value(), "0123456789ab") << "the guest has given it away";
  expect("drain", {{"data", binary("x")}, {"end", true}});
  EXPECT_EQ(client_.drain("/f", 10).value(), "x");
}

TEST_F(AgentClientTest, RepliesOutOfOrder) {
  const auto terminal = client_.open_terminal({.command = "sh"}, [](std::string_view) {});
  Json first;
  expect("terminal", [&](const Json& request) { first = request; });
  expect("run", [&](const Json& request) {
    answer(request, {{"status", 1}});
    answer(first, {{"status", 2}});
  });
  EXPECT_EQ(client_.run({.command = "x"}).value().status, 1);
  ASSERT_TRUE(client_.terminal_end(terminal));
  EXPECT_EQ(client_.terminal_end(terminal)->number("status"), 2);
}

TEST_F(AgentClientTest, ALateReplyIsIgnored) {
  Json first;
  expect("run", [&](const Json& request) { first = request; });
  const auto late = client_.run({.command = "slow", .timeout = 1s});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), ErrorKind::timeout);
  EXPECT_EQ(late.error().to_string(), "the guest's agent did not answer 'run' within 6000 ms");
  expect("run", [&](const Json& request) {
    answer(first, {{"status", 1}});
    answer(request, {{"status", 2}});
  });
  EXPECT_EQ(client_.run({.command = "next"}).value().status, 2);
  EXPECT_FALSE(client_.broken());
}

TEST_F(AgentClientTest, RubbishBreaksItForGood) {
  expect("run", [&](const Json&) { client_.take(wire::frame("garbage")); });
  const auto reply = client_.run({.command = "x"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind(), ErrorKind::protocol);
  ASSERT_TRUE(client_.broken());
  expect("run", [](const Json&) {});
  EXPECT_EQ(client_.run({.command = "x"}).error().kind(), ErrorKind::protocol);
  requests_.clear();
  script_.clear();
}

TEST_F(AgentClientTest, AnImpossibleLengthBreaksIt) {
  client_.take("Segmentation fault\n");
  ASSERT_TRUE(client_.broken());
  EXPECT_THAT(client_.broken()->message(), HasSubstr("impossible length"));
}

TEST_F(AgentClientTest, TheKernelLogIsKeptInOrder) {
  kmsg({"a", "b"});
  kmsg({"c"});
  EXPECT_THAT(client_.kernel_log().records, ElementsAre("a", "b", "c"));
  EXPECT_EQ(client_.kernel_log().dropped, 0U);
  EXPECT_EQ(client_.kernel_log().end(), 3U);
}

TEST_F(AgentClientTest, OlderRecordsGoWhenTheLogIsFull) {
  const std::string mebibyte(1 << 20, 'r');
  for (int i = 0; i < 20; ++i) kmsg({std::to_string(i) + mebibyte.substr(128)});
  const auto& log = client_.kernel_log();
  EXPECT_EQ(log.end(), 20U);
  EXPECT_EQ(log.dropped, 4U);
  EXPECT_TRUE(log.records.front().starts_with("4r"));  // 16 with what keeping each costs
  EXPECT_TRUE(log.records.back().starts_with("19r"));

  // A fork's marks are those of the machine that was saved.
  hello();
  AgentClient fork([](const std::string&) {}, {});
  fork.resume(client_.standing());
  EXPECT_EQ(fork.kernel_log().dropped, 4U);
  EXPECT_EQ(fork.kernel_log().end(), 20U);
}

TEST_F(AgentClientTest, TerminalsTakeTheirOwnOutput) {
  std::string output;
  const auto terminal = client_.open_terminal({.command = "sh", .rows = 50, .term = "linux"},
                                              [&](std::string_view text) { output += text; });
  const auto say = [&](std::uint64_t to, std::string_view text) {
    client_.take(framed({{"event", "output"}, {"id", to}, {"data", binary(text)}}));
  };
  say(terminal, "one ");
  say(terminal + 1, "not mine ");
  say(terminal, "two");
  EXPECT_EQ(output, "one two");
  EXPECT_FALSE(client_.terminal_end(terminal));
  client_.send_input(terminal, "ls\n");
  client_.resize(terminal, 10, 20);
  client_.power_off();
  ASSERT_EQ(requests_.size(), 4U);
  EXPECT_EQ(requests_[0].at("rows"), 50);
  EXPECT_EQ(requests_[1].at("data"), binary("ls\n"));
  EXPECT_EQ(requests_[2].at("columns"), 20);
  EXPECT_EQ(requests_[3].at("op"), "poweroff");
}

}  // namespace
}  // namespace kobox
