// SPDX-License-Identifier: GPL-2.0-or-later
// kobox debug --serve and --vscode: a debugger of the user's own.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/regex.h"
#include "base/text.h"
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";

class DebugServerTest : public KoboxTest {
 protected:
  Running serve(const Arguments& more = {}) {
    Arguments arguments = {"debug", k_exercise.string(), "--kernel",      "6.1-cloud", "--accel",
                           "tcg",   "--serve",           script_.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return start(arguments);
  }
  bool waits(Running& running) {
    return holds_within(100s,
                        [&] {
                          return running.ended() ||
                                 running.error_so_far().find("GDB may come") != std::string::npos;
                        }) &&
           !running.ended();
  }
  // A gdb that reads these lines.
  std::string gdb(const std::vector<std::string>& options, const std::string& lines) {
    spit(directory_ / "lines", lines);
    CommandLine command = {
        {"sh", "-c", "exec gdb -q -nx \"$@\" < " + (directory_ / "lines").string(), "gdb"}};
    command.argv.insert(command.argv.end(), options.begin(), options.end());
    const auto done = run_command(command, {.deadline = Deadline::after(60s)});
    return done ? done->output + done->error : done.error().to_string();
  }
  const fs::path script_ = directory_ / "k.gdb";
};

TEST_F(DebugServerTest, AGdbOfTheUsersOwnComesAndGoes) {
  auto running = serve({"--break", "dev_open", "--run", "cat /dev/qemu_exercise"});
  ASSERT_TRUE(waits(running)) << running.error_so_far();
  const auto said = gdb({"-x", script_.string()}, "continue\nbt 1\ndelete\nkill\n");
  EXPECT_THAT(said, HasSubstr("hit Breakpoint 1, dev_open")) << running.error_so_far();
  const auto done = running.wait(30s);
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_FALSE(fs::exists(script_));
  EXPECT_THAT(machines(), IsEmpty());
}

TEST_F(DebugServerTest, AFileOfSomebodyElseIsNotOverwritten) {
  spit(script_, "print 1\n");
  const auto done = serve().wait();
  EXPECT_EQ(done.code(), 2) << done;
  EXPECT_THAT(done.error, HasSubstr("is there already and is not kobox's"));
  EXPECT_EQ(slurp(script_), "print 1\n");
}

TEST_F(DebugServerTest, NobodyComes) {
  const auto done = serve({"--timeout", "1s"}).wait(60s);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_FALSE(fs::exists(script_));
}

TEST_F(DebugServerTest, ItEndsWhenItIsTold) {
  auto running = serve();
  ASSERT_TRUE(waits(running)) << running.error_so_far();
  running.signal(SIGTERM);
  running.wait(20s);
  EXPECT_FALSE(fs::exists(script_));
  EXPECT_TRUE(machines_end_within(10s));
}

class VscodeTest : public DebugServerTest {
 protected:
  VscodeTest() {
    fs::copy(k_exercise, directory_ / "dir", fs::copy_options::recursive);
    dir_ = directory_ / "dir";
  }
  Finished set_up(const Arguments& more = {}) {
    Arguments arguments = {"debug", dir_.string(), "--vscode", "--kernel", "6.1-cloud"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  nlohmann::json read(const char* name) const {
    return nlohmann::json::parse(slurp(dir_ / ".vscode" / name), nullptr, true, true);
  }
  // As VS Code reads it.
  std::string resolved(const std::string& text) const {
    return Regex::compile(R"(\$\{workspaceFolder\})").value().replace_all(text, dir_.string());
  }
  fs::path dir_;
};

TEST_F(VscodeTest, WhatWasThereStays) {
  fs::create_directories(dir_ / ".vscode");
  const std::string mine =
      "// mine\n{\n  \"configurations\": [ { \"name\": \"x\" }, ],\n  \"inputs\": []\n}\n";
  spit(dir_ / ".vscode/launch.json", mine);
  EXPECT_EQ(set_up({"--break", "dev_read"}).code(), 0);
  const auto once = slurp(dir_ / ".vscode/launch.json");
  EXPECT_THAT(once, ::testing::StartsWith("// mine\n{\n  \"configurations\": [ { \"name\": "));
  EXPECT_THAT(once, ::testing::EndsWith("],\n  \"inputs\": []\n}\n"));
  EXPECT_EQ(set_up({"--break", "dev_read"}).code(), 0);
  EXPECT_EQ(slurp(dir_ / ".vscode/launch.json"), once);
  EXPECT_EQ(read("tasks.json")["tasks"].size(), 1U);
}

TEST_F(VscodeTest, AFileThatIsNoJsonIsLeftAlone) {
  fs::create_directories(dir_ / ".vscode");
  spit(dir_ / ".vscode/tasks.json", "{\n  oops\n}\n");
  const auto done = set_up();
  EXPECT_EQ(done.code(), 2) << done;
  EXPECT_THAT(done.error, HasSubstr("tasks.json: line 2 is no JSON; it was left as it is"));
  EXPECT_EQ(slurp(dir_ / ".vscode/tasks.json"), "{\n  oops\n}\n");
  EXPECT_FALSE(fs::exists(dir_ / ".vscode/launch.json"));
}

// The task and the launch configuration, run as VS Code and the C/C++ extension's engine run them:
// the setup commands in order, breakpoints of the editor, then launchCompleteCommand.
TEST_F(VscodeTest, TheTaskAndTheLaunchMeet) {
  ASSERT_EQ(set_up({"--run", "cat /dev/qemu_exercise"}).code(), 0);
  const auto task = read("tasks.json")["tasks"][0];
  const auto launch = read("launch.json")["configurations"][0];
  EXPECT_EQ(launch["preLaunchTask"], task["label"]);
  EXPECT_TRUE(fs::exists(task["command"].get<std::string>()) || task["command"] == "kobox");

  Arguments arguments;
  for (const auto& word : task["args"]) arguments.push_back(resolved(word.get<std::string>()));
  auto running = start(arguments);
  const auto ready =
      Regex::compile(task["problemMatcher"]["background"]["endsPattern"].get<std::string>())
          .value();
  ASSERT_TRUE(holds_within(100s, [&] {
    const auto lines = split(running.error_so_far(), '\n');
    return running.ended() ||
           std::ranges::any_of(lines, [&](const auto& line) { return ready.search(line); });
  }));
  EXPECT_TRUE(fs::exists(resolved(launch["program"].get<std::string>())));
  std::string lines;
  for (const auto& command : launch["customLaunchSetupCommands"])
    lines += "-interpreter-exec console \"" + resolved(command["text"].get<std::string>()) + "\"\n";
  lines += "-break-insert -f " + (dir_ / "qemu_exercise.c").string() + ":dev_read\n-" +
           launch["launchCompleteCommand"].get<std::string>() + "\n-stack-list-frames\n-gdb-exit\n";
  const auto said = gdb({"--interpreter=mi"}, lines);
  EXPECT_THAT(said, ContainsRegex("\\*stopped,reason=\"breakpoint-hit\".*func=\"dev_read\""));
  EXPECT_THAT(said, HasSubstr("fullname=\"" + (dir_ / "qemu_exercise.c").string() + "\""))
      << "the editor shows the user's own file";
  EXPECT_THAT(said, HasSubstr("func=\"vfs_read\""));
  EXPECT_EQ(running.wait(30s).code(), 0);
}

TEST_F(VscodeTest, ItStartsNothing) {
  for (const Arguments& more :
       {Arguments{"--batch", "/dev/null"}, {"--serve", "x"}, {"--port", "1234"}}) {
    const auto done = set_up(more);
    EXPECT_EQ(done.code(), 2) << done;
    EXPECT_THAT(done.error, HasSubstr("--vscode writes files and starts nothing"));
  }
}

}  // namespace
}  // namespace kobox::e2e
