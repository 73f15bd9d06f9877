// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string cbor(const Json& value) {
  std::string bytes;
  Json::to_cbor(value, bytes);
  return bytes;
}
Json binary(std::string_view text) { return Json::binary({text.begin(), text.end()}); }
std::string raw(std::initializer_list<unsigned> bytes) {
  std::string text;
  for (const auto byte : bytes) text += static_cast<char>(byte);
  return text;
}

template <class Kind>
Kind decoded(const std::string& payload) {
  auto message = decode_message(payload);
  if (!message || !std::holds_alternative<Kind>(*message)) {
    ADD_FAILURE() << (message ? "of another kind" : message.error().to_string());
    return {};
  }
  return std::get<Kind>(*message);
}

// {"id": 1, "x": VALUE}, with the value's bytes as given.
std::string reply_with(const std::string& value) {
  return raw({0xA2, 0x62, 'i', 'd', 0x01, 0x61, 'x'}) + value;
}
bool refused(const std::string& payload) {
  const auto message = decode_message(payload);
  return !message && message.error().kind() == ErrorKind::protocol;
}

TEST(DecodeMessage, Hello) {
  const auto hello = decoded<AgentHello>(
      cbor({{"event", "hello"}, {"protocol", 1}, {"release", "6.1.0"}, {"uptime_us", 5}}));
  EXPECT_EQ(hello.protocol, 1);
  EXPECT_EQ(hello.release, "6.1.0");
  EXPECT_EQ(decoded<AgentHello>(cbor({{"event", "hello"}, {"protocol", "1"}})).protocol, 0)
      << "no protocol of ours";
}

TEST(DecodeMessage, Kmsg) {
  const auto kmsg = decoded<AgentKmsg>(
      cbor({{"event", "kmsg"},
            {"records", {binary("6,1,2,-;a"), binary(""), binary("\xff\n"), 7, "text"}}}));
  EXPECT_THAT(kmsg.records, ElementsAre("6,1,2,-;a", "", "\xff\n"));
  EXPECT_TRUE(decoded<AgentKmsg>(cbor({{"event", "kmsg"}})).records.empty());
  EXPECT_TRUE(decoded<AgentKmsg>(cbor({{"event", "kmsg"}, {"records", 3}})).records.empty());
}

TEST(DecodeMessage, Output) {
  const auto output =
      decoded<AgentOutput>(cbor({{"event", "output"}, {"id", 9}, {"data", binary("\x1b[m\0")}}));
  EXPECT_EQ(output.id, 9U);
  EXPECT_EQ(output.data, "\x1b[m");
}

TEST(DecodeMessage, Modprobe) {
  const auto asked = decoded<AgentModprobe>(cbor(
      {{"event", "modprobe"}, {"id", 3}, {"name", binary("fs-\xff")}, {"params", binary("a=1")}}));
  EXPECT_EQ(asked.id, 3U);
  EXPECT_EQ(asked.name, "fs-\xff");
  EXPECT_EQ(asked.parameters, "a=1");
  EXPECT_EQ(decoded<AgentModprobe>(cbor({{"event", "modprobe"}, {"name", 7}})).name, "");
}

TEST(DecodeMessage, Replies) {
  const auto good = decoded<AgentReply>(
      cbor({{"id", 7}, {"ok", true}, {"status", -3}, {"stdout", binary("out")}, {"text", "t"}}));
  EXPECT_EQ(good.id, 7U);
  EXPECT_TRUE(good.ok);
  EXPECT_EQ(good.number("status"), -3);
  EXPECT_EQ(good.text("stdout"), "out");
  EXPECT_EQ(good.text("text"), "t");
  const auto bad =
      decoded<AgentReply>(cbor({{"id", 8}, {"ok", false}, {"errno", 2}, {"error", "No such"}}));
  EXPECT_FALSE(bad.ok);
  EXPECT_EQ(bad.error_number, 2);
  EXPECT_EQ(bad.error, "No such");
}

TEST(DecodeMessage, MembersOfAnotherTypeReadAsTheDefault) {
  const auto reply = decoded<AgentReply>(cbor({{"id", 1},
                                               {"ok", 1},
                                               {"errno", "2"},
                                               {"error", Json::array()},
                                               {"number", 1.5},
                                               {"null", nullptr}}));
  EXPECT_FALSE(reply.ok);
  EXPECT_EQ(reply.error_number, 0);
  EXPECT_EQ(reply.error, "");
  EXPECT_EQ(reply.number("number"), 0);
  EXPECT_EQ(reply.text("null"), "");
  EXPECT_FALSE(reply.flag("errno"));
  EXPECT_EQ(reply.number("absent"), 0);
}

TEST(DecodeMessage, WhatIsNoMessage) {
  for (const auto& value :
       {Json(1), Json("text"), Json::array(), Json(nullptr), Json(true), Json::object(),
        Json{{"ok", true}}, Json{{"id", "7"}}, Json{{"id", -7}}, Json{{"id", 1.0}},
        Json{{"event", "reboot"}}, Json{{"event", 7}, {"id", 7}}, Json{{"event", nullptr}}})
    EXPECT_TRUE(refused(cbor(value))) << value;
  EXPECT_TRUE(refused(""));
}

TEST(DecodeMessage, AnUnknownEventIsNamedButNotAtAnyLength) {
  const auto message = decode_message(cbor({{"event", std::string(100'000, 'e')}}));
  ASSERT_FALSE(message);
  EXPECT_THAT(message.error().message(), HasSubstr("unknown event 'eeee"));
  EXPECT_LT(message.error().message().size(), 200U);
}

TEST(DecodeMessage, TruncatedAtEachByteOrContinued) {
  const auto whole = cbor({{"id", 70000},
                           {"ok", true},
                           {"list", {1, -300, 1.5, nullptr, false, binary("bytes")}},
                           {"map", {{"key", std::string(300, 'v')}}}});
  decoded<AgentReply>(whole);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(refused(whole.substr(0, size))) << size;
  EXPECT_TRUE(refused(whole + raw({0x00})));
  EXPECT_TRUE(refused(whole + whole));
}

TEST(DecodeMessage, DeepNesting) {
  EXPECT_TRUE(refused(std::string(10'000, '\x81') + raw({0x01})));
  EXPECT_TRUE(refused(reply_with(std::string(10'000, '\x81') + raw({0x01}))));
  std::string maps;
  for (int i = 0; i < 10'000; ++i) maps += raw({0xA1, 0x61, 'k'});
  EXPECT_TRUE(refused(reply_with(maps + raw({0x01}))));
  EXPECT_TRUE(refused(std::string(4'000'000, '\x81')));
  decoded<AgentReply>(reply_with(raw({0x81, 0xA1, 0x61, 'k', 0x81, 0x81, 0x01})));
}

TEST(DecodeMessage, HugeCountsAndLengths) {
  for (const unsigned major : {0x40U, 0x60U, 0x80U, 0xA0U}) {
    EXPECT_TRUE(refused(reply_with(raw({major | 24, 0xFF}))));
    EXPECT_TRUE(refused(reply_with(raw({major | 25, 0xFF, 0xFF}))));
    EXPECT_TRUE(refused(reply_with(raw({major | 26, 0xFF, 0xFF, 0xFF, 0xFF}))));
    EXPECT_TRUE(
        refused(reply_with(raw({major | 27, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}))));
    // Times two, for a map, this wraps around to nothing.
    EXPECT_TRUE(refused(reply_with(raw({major | 27, 0x80, 0, 0, 0, 0, 0, 0, 0}))));
    EXPECT_TRUE(refused(raw({major | 27, 0x80, 0, 0, 0, 0, 0, 0, 0})));
  }
}

TEST(DecodeMessage, IndefiniteLengths) {
  EXPECT_TRUE(refused(raw({0xBF, 0x62, 'i', 'd', 0x01, 0xFF})));
  EXPECT_TRUE(refused(reply_with(raw({0x9F, 0x01, 0xFF}))));
  EXPECT_TRUE(refused(reply_with(raw({0x5F, 0x41, 0x01, 0xFF}))));
  EXPECT_TRUE(refused(reply_with(raw({0x7F, 0x61, 'x', 0xFF}))));
  EXPECT_TRUE(refused(reply_with(raw({0xFF}))));
}

TEST(DecodeMessage, TagsReservedAndOddSimpleValues) {
  for (const auto& value : {raw({0xC0, 0x61, 'x'}), raw({0xC1, 0x01}), raw({0xD8, 0x20, 0x61, 'x'}),
                            raw({0xF7}), raw({0xE0}), raw({0xF3}), raw({0xF8, 0xFF}), raw({0x1C}),
                            raw({0x1F}), raw({0x3D}), raw({0x5E, 0x00}), raw({0xFC})})
    EXPECT_TRUE(refused(reply_with(value)));
}

TEST(DecodeMessage, NumbersAtTheirLimits) {
  const auto max = raw({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
  decoded<AgentReply>(reply_with(raw({0x1B}) + max));
  decoded<AgentReply>(reply_with(raw({0x3B}) + max));
  decoded<AgentReply>(reply_with(raw({0xF9, 0x7C, 0x00})));  // infinity
  decoded<AgentReply>(reply_with(raw({0xFB}) + max));        // not a number
  const auto reply = decoded<AgentReply>(raw({0xA1, 0x62, 'i', 'd', 0x1B}) + max);
  EXPECT_EQ(reply.id, UINT64_MAX);
}

TEST(DecodeMessage, KeysThatAreNoText) {
  EXPECT_TRUE(refused(raw({0xA1, 0x01, 0x01})));
  EXPECT_TRUE(refused(raw({0xA1, 0x42, 'i', 'd', 0x01})));
  EXPECT_TRUE(refused(raw({0xA1, 0x80, 0x01})));
  EXPECT_TRUE(refused(reply_with(raw({0xA1, 0xF6, 0x01}))));
}

}  // namespace
}  // namespace kobox
