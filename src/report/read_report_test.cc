// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/read_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "report/render.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::string golden(const char* name) {
  return read_file(fs::path(KOBOX_SOURCE_DIR) / "tests/data/golden" / name).value();
}

std::string error_of(const Json& json) {
  const auto report = read_report(json.dump());
  if (report) return "(none)";
  EXPECT_EQ(report.error().kind(), ErrorKind::usage);
  return report.error().message();
}

class ReadReportTest : public ::testing::Test {
 protected:
  Json json_ = Json::parse(golden("report.json"));
};

TEST(ReadReport, WhatWasWrittenIsReadAsItWas) {
  for (const char* name :
       {"report.json", "report-passing.json", "report-empty.json", "api-change.json"}) {
    const auto report = read_report(golden(name));
    ASSERT_TRUE(report) << name << ": " << report.error().message();
    EXPECT_EQ(render_json(*report), golden(name));
  }
}

TEST_F(ReadReportTest, KeysThatItDoesNotKnowArePassedOver) {
  json_["more"] = 1;
  json_["runs"][0]["tests"][0]["more"] = {1, 2};
  EXPECT_EQ(error_of(json_), "(none)");
}

TEST_F(ReadReportTest, AnotherSchemaIsNamed) {
  json_["schema"] = "kobox.report/2";
  EXPECT_EQ(error_of(json_),
            "it is of schema 'kobox.report/2', and this kobox reads kobox.report/1: use the kobox "
            "that wrote it");
  json_["schema"] = "junit";
  EXPECT_THAT(error_of(json_), HasSubstr("it is no report of kobox's: its schema is 'junit'"));
  EXPECT_EQ(error_of(Json::array()), "it is not an object");
  EXPECT_EQ(error_of(Json::object()), "schema is missing");
}

TEST_F(ReadReportTest, EveryKeyMustBeThere) {
  const auto without = [&](const char* pointer, const char* key) {
    auto json = json_;
    json[Json::json_pointer(pointer)].erase(key);
    return error_of(json);
  };
  for (const char* key :
       {"module", "interrupted", "project", "selectors", "tests", "shard", "runs", "verdict"})
    EXPECT_EQ(without("", key), std::string(key) + " is missing");
  for (const char* key :
       {"kernel", "selector", "arch", "accel", "accel_reason", "failure", "tests", "verdict"})
    EXPECT_EQ(without("/runs/0", key), fmt::format("runs[0].{} is missing", key));
  for (const char* key : {"name", "verdict", "seconds", "failure"})
    EXPECT_EQ(without("/runs/0/tests/1", key), fmt::format("runs[0].tests[1].{} is missing", key));
  for (const char* key :
       {"kind", "message", "function", "file", "line", "source", "log", "reproduce", "console"})
    EXPECT_EQ(without("/runs/1/failure", key), fmt::format("runs[1].failure.{} is missing", key));
}

TEST_F(ReadReportTest, AWrongTypeIsSaidWithItsPlace) {
  const auto with = [&](const char* pointer, const Json& value) {
    auto json = json_;
    json[Json::json_pointer(pointer)] = value;
    return error_of(json);
  };
  EXPECT_EQ(with("/module", 1), "module is not a string");
  EXPECT_EQ(with("/interrupted", "no"), "interrupted is not true or false");
  EXPECT_EQ(with("/runs", Json::object()), "runs is not a list");
  EXPECT_EQ(with("/tests/0", nullptr), "tests[0] is not a string");
  EXPECT_EQ(with("/runs/0", 7), "runs[0] is not an object");
  EXPECT_EQ(with("/runs/0/tests/0/seconds", -1),
            "runs[0].tests[0].seconds is not a time in seconds");
  EXPECT_EQ(with("/runs/1/failure/line", 0),
            "runs[1].failure.line is not a whole number from 1 to 2147483647");
  EXPECT_EQ(with("/runs/1/failure/line", 1.5),
            "runs[1].failure.line is not a whole number from 1 to 2147483647");
  EXPECT_EQ(with("/runs/1/failure/line", 9223372036854775808U),
            "runs[1].failure.line is not a whole number from 1 to 2147483647");
  EXPECT_EQ(with("/runs/1/failure/log", "x"), "runs[1].failure.log is not a list");
  EXPECT_EQ(with("/shard", {{"index", 6}, {"count", 5}}),
            "shard.index is not a whole number from 1 to 5");
  EXPECT_EQ(with("/shard", {{"index", 0}, {"count", 5}}),
            "shard.index is not a whole number from 1 to 5");
}

TEST_F(ReadReportTest, AVerdictMustFollow) {
  const auto with = [&](const char* pointer, const char* value) {
    auto json = json_;
    json[Json::json_pointer(pointer)] = value;
    return error_of(json);
  };
  EXPECT_EQ(with("/verdict", "pass"), "verdict is not 'fail', which follows from the rest");
  EXPECT_EQ(with("/runs/0/verdict", "pass"),
            "runs[0].verdict is not 'fail', which follows from the rest");
  EXPECT_EQ(with("/runs/0/tests/1/verdict", "pass"),
            "runs[0].tests[1].verdict is not 'fail', which follows from the rest");
  EXPECT_EQ(with("/runs/0/tests/0/verdict", "fail"),
            "runs[0].tests[0].verdict is not 'pass', which follows from the rest");
  EXPECT_EQ(with("/runs/0/tests/0/verdict", "great"),
            "runs[0].tests[0].verdict is not pass, fail, skip or error, but 'great'");
  EXPECT_EQ(with("/runs/1/failure/kind", "sabotage"),
            "runs[1].failure.kind is not a kind of failure, but 'sabotage'");
}

TEST(ReadReport, WhatIsNoJsonIsSaidToBeNone) {
  for (const auto& text : {std::string(), std::string("{"), std::string("\xff"),
                           std::string("{\"schema\": 1e999}"), std::string(100'000, '[')}) {
    const auto report = read_report(text);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().message(), "it is no JSON");
  }
}

}  // namespace
}  // namespace kobox
