// SPDX-License-Identifier: GPL-2.0-or-later
// Somebody at a terminal that tmux holds: what is typed, and what the screen then shows.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "kobox_test.h"

namespace kobox::e2e {

// A tmux server of its own, with one window in which kobox runs.
class TmuxTest : public KoboxTest {
 protected:
  void SetUp() override { ASSERT_TRUE(find_program("tmux")) << "tmux is not installed"; }
  void TearDown() override { tmux({"kill-server"}); }

  std::string tmux(const Arguments& words) const {
    CommandLine command{.argv = {"tmux", "-S", (directory_ / "tmux").string(), "-f", "/dev/null"},
                        .environment = {{"TMUX", ""}, {"LC_ALL", "C.UTF-8"}}};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    const auto done = run_command(command, {.deadline = Deadline::after(10s)}, Streams::merged);
    return done ? done->output : done.error().to_string();
  }
  // A window in which this runs, in the test's directory, with kobox in PATH.
  void open_window(const Arguments& words) const {
    const char* path = std::getenv("PATH");
    CommandLine command{.argv = {"env", "XDG_CACHE_HOME=" + cache_.string(),
                                 "XDG_STATE_HOME=" + state_.string(),
                                 fmt::format("PATH={}:{}", binary().parent_path().string(), path)}};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    tmux({"new-session", "-d", "-x", "132", "-y", "50", "-c", directory_.string(),
          command.to_string()});
  }
  void open(Arguments arguments) const {
    arguments.insert(arguments.begin(), "kobox");
    open_window(arguments);
  }
  std::string screen() const { return tmux({"capture-pane", "-p", "-S", "-200"}); }
  bool shows(const std::string& text, Duration limit) const {
    return holds_within(limit, [&] { return screen().find(text) != std::string::npos; });
  }
  void send(const std::string& line) const {
    tmux({"send-keys", "-l", line});
    tmux({"send-keys", "Enter"});
  }
  // Types a line; what the screen has then, from that line to the next prompt.
  std::string type(const std::string& line, Duration limit = 60s) const {
    send(line);
    std::string seen;
    const bool answered = holds_within(limit, [&] {
      const auto text = screen();
      const auto at = text.rfind("$ " + line + "\n");
      if (at == std::string::npos) return false;
      seen = text.substr(at + 3 + line.size());
      const auto end = seen.rfind("user@kobox:");
      if (end == std::string::npos) return false;
      seen.resize(end);
      return true;
    });
    return answered ? seen : "no prompt came back; the screen is:\n" + screen();
  }
};

}  // namespace kobox::e2e
