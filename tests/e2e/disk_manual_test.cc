// SPDX-License-Identifier: GPL-2.0-or-later
// docs/disk.md tells how a disk of kobox's is booted without kobox. Its very lines are typed here.
#include "base/text.h"
#include "tmux.h"

namespace kobox::e2e {
namespace {

// The lines of the manual's blocks of shell below this heading, those that go on with a backslash
// joined.
std::vector<std::string> manual_lines(const std::string& heading) {
  const auto text = slurp(source_directory() / "docs/disk.md");
  std::vector<std::string> lines;
  bool here = false;
  bool block = false;
  std::string whole;
  for (const auto line : lines_of(text)) {
    if (line.starts_with("## ")) here = line == heading;
    if (line.starts_with("```")) {
      block = here && line == "```sh";
      continue;
    }
    if (!block) continue;
    whole += line;
    if (whole.ends_with("\\")) {
      whole.pop_back();
      continue;
    }
    lines.push_back(std::move(whole));
    whole.clear();
  }
  return lines;
}

class ManualTest : public TmuxTest {
 protected:
  static constexpr const char* k_prompt = "ready> ";

  void expect_prompt(Duration limit) const {
    EXPECT_TRUE(holds_within(limit, [&] {
      const auto text = std::string(trim(screen()));
      return text.ends_with("ready>");
    })) << screen();
  }
  // A machine that boots on the terminal: logs in, looks around, switches off.
  void visit_guest() const {
    ASSERT_TRUE(shows("kobox login:", 200s)) << screen();
    send("root");
    ASSERT_TRUE(shows("root@kobox:~#", 60s)) << screen();
    send("uname -r; ls -d /lib/modules/*/build; gcc --version | head -1");
    EXPECT_TRUE(shows("-cloud-amd64/build", 60s)) << screen();
    EXPECT_TRUE(shows("gcc (Debian", 60s)) << screen();
    send("poweroff");
  }
};

TEST_F(ManualTest, ThePlainQemuLinesBootTheDisk) {
  const auto lines = manual_lines("## Without kobox");
  ASSERT_GE(lines.size(), 5U);
  open_window({"PS1=ready> ", "sh", "-i"});
  expect_prompt(10s);
  int boots = 0;
  for (const auto& line : lines) {
    tmux({"clear-history"});
    send("clear; " + line);
    if (line.starts_with("qemu-system-x86_64")) {
      visit_guest();
      ++boots;
    }
    expect_prompt(120s);
  }
  EXPECT_EQ(boots, 3) << "from the disk alone, with -kernel, and from NVMe";
  EXPECT_TRUE(fs::exists(directory_ / "debian.qcow2"));
}

}  // namespace
}  // namespace kobox::e2e
