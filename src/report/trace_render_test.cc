// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/trace_render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/trace_fixture.h"

namespace kobox {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class TraceRenderTest : public ::testing::Test {
 protected:
  TraceRenderTest() { feed_hostile_events(analysis_.sink()); }
  TraceFacts facts_ = hostile_facts();
  TraceAnalysis analysis_;
  TraceSymbols symbols_;  // knows no names
};

TEST_F(TraceRenderTest, JsonHasTheTablesAndTheTimeLine) {
  const auto report = json::parse(render_trace_json(facts_, analysis_, symbols_));
  EXPECT_EQ(report["schema"], "kobox.trace/1");
  EXPECT_EQ(report["exits"], 4);
  EXPECT_EQ(report["module_exits"], 3);
  EXPECT_FALSE(report.contains("accesses"));
  EXPECT_EQ(report["lost"], 2);
  EXPECT_EQ(report["reasons"][1], json({{"reason", "io"},
                                        {"count", 3},
                                        {"ns", 750},
                                        {"mean_ns", 250},
                                        {"p99_ns", 250},
                                        {"max_ns", 250}}));
  EXPECT_EQ(report["functions_and_reasons"][0]["function"], nullptr);
  EXPECT_EQ(report["functions"][0]["name"], "0xc000");
  EXPECT_EQ(report["functions"][0]["exits"], 2);
  EXPECT_EQ(report["functions"][0]["exits_ns"], 500);
  EXPECT_EQ(report["targets"][0]["region"], k_hostile);
  const auto& line = report["timeline"];
  EXPECT_EQ(line["calls"].size(), 3U);
  EXPECT_EQ(line["calls"][1]["depth"], 1);
  EXPECT_EQ(line["calls"][1]["begin_ns"], 1000);
  EXPECT_EQ(line["calls"][2]["end_ns"], nullptr);
  EXPECT_EQ(line["exits"][0]["ns"], 500);
  EXPECT_EQ(line["exits"][0]["via"], "0x8000");
  EXPECT_EQ(line["exits"][2]["function"], nullptr);
}

TEST_F(TraceRenderTest, UnderTcgTheyAreAccesses) {
  facts_.accel = "tcg";
  const auto report = json::parse(render_trace_json(facts_, analysis_, symbols_));
  EXPECT_EQ(report["accesses"], 4);
  EXPECT_FALSE(report.contains("exits"));
  EXPECT_EQ(report["functions"][0]["own_accesses"], 0);
  const auto text = render_trace_terminal(facts_, analysis_, symbols_);
  EXPECT_THAT(text, HasSubstr("4 accesses to devices"));
  EXPECT_THAT(text, HasSubstr("TCG has no VM exits"));
  EXPECT_THAT(text, Not(HasSubstr("exits by reason")));
}

TEST_F(TraceRenderTest, TheTerminalHasEveryTableAndEveryReservation) {
  const auto text = render_trace_terminal(facts_, analysis_, symbols_);
  for (const char* part :
       {"4 VM exits in 5.8 us, 3 of them while a function of mod<i>ule was active",
        "exits by reason", "exits by function and reason", "0xc000 io", "by 0xc000 through 0x8000",
        "not recorded: kvm_<none>.", "note: a note with <markup>", "2 events were lost",
        "1 lines of the recording could not be read", "ended early: it ended <early>"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST_F(TraceRenderTest, ThePagesDataCannotEndItsElement) {
  const auto page = render_trace_html(facts_, analysis_, symbols_);
  EXPECT_THAT(page, Not(HasSubstr("window.broken=1</script>")));
  EXPECT_THAT(page, Not(HasSubstr("KOBOX_TRACE_DATA")));
  const std::string begin = "<script id=\"data\" type=\"application/json\">";
  const auto from = page.find(begin) + begin.size();
  const auto data = json::parse(page.substr(from, page.find("</script>", from) - from));
  EXPECT_EQ(data, json::parse(render_trace_json(facts_, analysis_, symbols_)));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
}

// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event
// Format), "JSON Object Format", "Complete Events", "Instant Events", "Metadata Events".
TEST_F(TraceRenderTest, PerfettosTraceHasATrackForEachCpu) {
  std::string text;
  PerfettoWriter writer([&](std::string_view piece) { text += piece; });
  feed_hostile_events(writer.sink(symbols_));
  writer.finish(facts_, analysis_, symbols_);
  const auto trace = json::parse(text);
  std::map<std::string, std::vector<json>> by_phase;
  for (const auto& event : trace["traceEvents"]) {
    by_phase[event["ph"]].push_back(event);
    EXPECT_TRUE(event["pid"].is_number() && event["tid"].is_number() && event["name"].is_string());
    EXPECT_TRUE(event["ph"] == "M" || event["ts"].is_number()) << event;
  }
  ASSERT_EQ(by_phase["X"].size(), 3U);
  EXPECT_EQ(by_phase["X"][0]["name"], "0xc100") << "the inner call ends first";
  EXPECT_EQ(by_phase["X"][0]["ts"], 1.0);
  EXPECT_EQ(by_phase["X"][0]["dur"], 1.0);
  EXPECT_EQ(by_phase["X"][1]["tid"], 1);
  EXPECT_EQ(by_phase["X"][2]["dur"], 0.5) << "a call that did not return ends with the recording";
  ASSERT_EQ(by_phase["i"].size(), 4U);
  EXPECT_EQ(by_phase["i"][0]["s"], "t");
  EXPECT_EQ(by_phase["i"][0]["args"]["function"], "0xc000");
  EXPECT_EQ(by_phase["i"][0]["args"]["device"], k_hostile);
  EXPECT_EQ(by_phase["i"][2]["tid"], 0);
  EXPECT_EQ(by_phase["M"].size(), 3U) << "the machine and two CPUs have names";
}

TEST_F(TraceRenderTest, AnEmptyTraceIsOne) {
  const TraceAnalysis nothing;
  EXPECT_EQ(json::parse(render_trace_json(facts_, nothing, symbols_))["exits"], 0);
  EXPECT_THAT(render_trace_terminal(facts_, nothing, symbols_), HasSubstr("0 VM exits in 0.0 us"));
  std::string text;
  PerfettoWriter writer([&](std::string_view piece) { text += piece; });
  [[maybe_unused]] const auto sink = writer.sink(symbols_);
  writer.finish(facts_, analysis_, symbols_);
  EXPECT_TRUE(json::parse(text)["traceEvents"].is_array());
}

}  // namespace
}  // namespace kobox
