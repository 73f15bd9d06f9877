// SPDX-License-Identifier: GPL-2.0-or-later
// The conversation with GDB, with a shell script in GDB's place: it answers "^done" to everything,
// but for what a test has it do at a command.
#include "harness/breakpoint_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* k_hit = R"(=breakpoint-modified,bkpt={number="1",addr="0x10",times="1"})";
constexpr const char* k_stop =
    R"(*stopped,reason="breakpoint-hit",thread-id="1",frame={func="f",line="3",fullname="/m/x.c"})";

class BreakpointSessionTest : public ::testing::Test {
 protected:
  // At a command that contains `word`: `lines` instead of "^done", in which TOKEN stands for the
  // command's own.
  void at(const std::string& word, std::vector<std::string> lines) {
    script_ += fmt::format("    *{}*)\n", shell_quote(word));
    for (const auto& line : lines) script_ += fmt::format("      say {}\n", shell_quote(line));
    script_ += "      ;;\n";
  }
  // The machine comes to the breakpoint once.
  void hits_once() {
    script_ += fmt::format(
        "    *-exec-continue*) say 'TOKEN^running'\n      [ -n \"$hit\" ] || {{ say {}; say {}; "
        "}}\n"
        "      hit=1 ;;\n",
        shell_quote(k_hit), shell_quote(k_stop));
  }
  void ends_at(const std::string& word) {
    script_ += fmt::format("    *{}*) exit 3 ;;\n", shell_quote(word));
  }
  // Connects, lets the machine run, and serves stops until `ended` says so.
  Result<> session(const std::function<bool()>& ended) {
    const auto gdb = directory_.path() / "gdb";
    EXPECT_TRUE(
        write_file(gdb,
                   "#!/bin/bash\nsay() { echo \"${1//TOKEN/$token}\"; }\necho '(gdb) '\n"
                   "while IFS= read -r line; do\n  token=${line%%-*}\n  case $line in\n" +
                       script_ +
                       "    *-break-insert*) say 'TOKEN^done,bkpt={number=\"1\",addr=\"<PENDING>\","
                       "times=\"0\"}' ;;\n"
                       "    *-exec-*) say 'TOKEN^running' ;;\n"
                       "    *) say 'TOKEN^done' ;;\n  esac\n  echo '(gdb) '\ndone\n"));
    fs::permissions(gdb, fs::perms::owner_all);
    seen_.resize(1);
    const std::vector<BreakpointSpec> specs = {spec_};
    BreakpointSession session(loop_, specs, seen_, Deadline::after(30s));
    const std::vector<std::string> locations = {spec_.at};
    KOBOX_CHECK(session.connect(gdb, directory_.path() / "setup.gdb", locations));
    KOBOX_CHECK(session.go_on());
    return session.watch(ended);
  }
  const BreakpointSeen& seen() const { return seen_[0]; }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-fake-gdb").value();
  EventLoop loop_;
  BreakpointSpec spec_ = {.at = "f"};
  std::string script_;
  std::vector<BreakpointSeen> seen_;
};

TEST_F(BreakpointSessionTest, ABreakpointThatIsNeverHit) {
  ASSERT_TRUE(session([] { return true; }));
  EXPECT_FALSE(seen().has_place) << "it stayed pending";
  EXPECT_EQ(seen().hits, 0);
}

TEST_F(BreakpointSessionTest, AHitIsCountedAndItsValuesRead) {
  spec_.expect = {{"len", "16"}, {"gone", "1"}};
  spec_.backtrace = {"f", "g"};
  hits_once();
  at("\"len\"", {R"(TOKEN^done,value="16")"});
  at("\"gone\"", {R"(TOKEN^error,msg="No symbol \"gone\" in current context.")"});
  at("-stack-list-frames",
     {R"(TOKEN^done,stack=[frame={level="0",func="f",line="3"},frame={level="1",func="g"}])"});
  ASSERT_TRUE(session([&] { return seen().backtrace.size() == 2; }));
  EXPECT_TRUE(seen().has_place);
  EXPECT_EQ(seen().hits, 1);
  ASSERT_EQ(seen().values.size(), 2U);
  EXPECT_EQ(seen().values[0].text, "16");
  EXPECT_THAT(seen().values[1].error, HasSubstr("No symbol \"gone\""));
  EXPECT_EQ(seen().backtrace[1].function, "g");
}

TEST_F(BreakpointSessionTest, StepsUntilAllPlacesWereComeBy) {
  spec_.step = {"x.c:5"};
  hits_once();
  at("-exec-step",
     {"TOKEN^running",
      R"(*stopped,reason="end-stepping-range",thread-id="1",frame={func="f",line="5",fullname="/m/x.c"})"});
  at("$rsp", {R"(TOKEN^done,value="7")"});
  ASSERT_TRUE(session([&] { return seen().path.size() == 2; }));
  std::vector<int> lines;
  for (const auto& place : seen().path) lines.push_back(place.line);
  EXPECT_THAT(lines, ElementsAre(3, 5));
  EXPECT_EQ(seen().path_end, "");
}

TEST_F(BreakpointSessionTest, SteppingEndsWhereTheFunctionReturns) {
  spec_.step = {"x.c:99"};
  hits_once();
  at("-exec-step",
     {"TOKEN^running",
      R"(*stopped,reason="end-stepping-range",thread-id="1",frame={func="vfs_read"})"});
  at("-stack-list-frames", {R"(TOKEN^done,stack=[frame={level="0",func="vfs_read"}])"});
  at("$rsp", {R"(TOKEN^done,value="7")"});
  ASSERT_TRUE(session([&] { return !seen().path_end.empty(); }));
  EXPECT_EQ(seen().path_end, "it returned to vfs_read");
}

TEST_F(BreakpointSessionTest, WhatGdbRefusesIsItsOwnWords) {
  at("-break-insert", {R"(TOKEN^error,msg="Cannot insert")"});
  const auto refused = session([] { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::tool);
  EXPECT_THAT(refused.error().message(), HasSubstr("Cannot insert"));
}

TEST_F(BreakpointSessionTest, AGdbThatEndsIsAnError) {
  ends_at("-exec-continue");
  const auto ended = session([] { return false; });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind(), ErrorKind::tool);
  EXPECT_THAT(ended.error().to_string(), HasSubstr("status 3"));
}

}  // namespace
}  // namespace kobox
