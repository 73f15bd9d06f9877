// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/jsonc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using nlohmann::ordered_json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const ordered_json k_entry = {{"name", "ours"}, {"value", 1}};

std::string with_ours(const std::string& text) {
  auto result = with_json_entry(text, "list", "name", k_entry);
  return result ? *result : "ERROR: " + result.error().message();
}

// As an editor reads it.
ordered_json read(const std::string& text) {
  return ordered_json::parse(text, nullptr, true, /*ignore_comments=*/true);
}

TEST(JsoncTest, AnEmptyListGetsItsFirstEntry) {
  const auto text = with_ours("{\n    \"version\": \"2\",\n    \"list\": []\n}\n");
  EXPECT_EQ(text,
            "{\n    \"version\": \"2\",\n    \"list\": [\n        {\n            \"name\": "
            "\"ours\",\n            \"value\": 1\n        }\n    ]\n}\n");
}

TEST(JsoncTest, AMissingListIsMade) {
  EXPECT_EQ(read(with_ours("{}"))["list"][0], k_entry);
  const auto text = with_ours("{ // settings\n  \"a\": 1 }");
  EXPECT_EQ(read(text)["list"][0], k_entry);
  EXPECT_EQ(read(text)["a"], 1);
  EXPECT_THAT(text, HasSubstr("// settings"));
}

TEST(JsoncTest, OtherEntriesKeepEveryByte) {
  const std::string others =
      "// mine\r\n{\r\n\t\"list\" : [ /* first */\r\n\t\t{ \"name\":\"theirs\", "
      "\"x\": [1,2,{}] } // \"ours\"\r\n";
  const auto text = with_ours(others + "\t]\r\n}\r\n");
  EXPECT_THAT(text, StartsWith("// mine\r\n{\r\n\t\"list\" : [ /* first */\r\n\t\t{ \"name\":"
                               "\"theirs\", \"x\": [1,2,{}] },\r\n\t\t{\r\n"));
  EXPECT_THAT(text, EndsWith(" // \"ours\"\r\n\t]\r\n}\r\n"));
  EXPECT_EQ(read(text)["list"].size(), 2U);
}

TEST(JsoncTest, TheEntryOfThatNameIsReplacedInItsPlace) {
  const auto text = with_ours(
      "{\"list\": [\n  {\"name\": \"a\"},\n  {\"old\": \"}\\\"]\", \"name\": \"ours\"}, // c\n  "
      "{\"name\": \"b\"}\n]}");
  EXPECT_EQ(text,
            "{\"list\": [\n  {\"name\": \"a\"},\n  {\n      \"name\": \"ours\",\n      \"value\": "
            "1\n  }, // c\n  {\"name\": \"b\"}\n]}");
  EXPECT_EQ(with_ours(text), text) << "a second time changes nothing";
}

TEST(JsoncTest, TrailingCommasAndAByteOrderMarkStay) {
  const auto text = with_ours("\xef\xbb\xbf{\"list\": [\n    {\"name\": \"a\"}, // last\n],}");
  EXPECT_THAT(text, StartsWith("\xef\xbb\xbf{\"list\": [\n    {\"name\": \"a\"},\n    {\n"));
  EXPECT_THAT(text, EndsWith("    } // last\n],}"));
}

TEST(JsoncTest, ACommentInAnEmptyListStays) {
  const auto text = with_ours("{\"list\": [\n  // none yet\n]}");
  EXPECT_THAT(text, HasSubstr("// none yet"));
  EXPECT_EQ(read(text)["list"][0], k_entry);
}

TEST(JsoncTest, WhatIsNoJsonIsSaidWithItsLine) {
  for (const char* text : {"{\n\"a\": }", "{\n\"list\": [1 2]}", "{\n\"open", "{\n/* open", "{\n",
                           "{\n\"a\": 1} x", "{\n\"a\" 1}", "{\n,}"})
    EXPECT_THAT(with_ours(text), StartsWith("ERROR: line 2 is no JSON")) << text;
  for (const char* text : {"[]", "nonsense", ""})
    EXPECT_THAT(with_ours(text), StartsWith("ERROR: line 1 is no JSON")) << text;
  EXPECT_EQ(with_ours("{\"list\": {}}"), "ERROR: \"list\" is no list");
  EXPECT_THAT(with_ours(std::string(100000, '[')), StartsWith("ERROR: "));
  EXPECT_THAT(with_ours("{\"a\": " + std::string(100000, '[') + "}"), StartsWith("ERROR: "));
}

}  // namespace
}  // namespace kobox
