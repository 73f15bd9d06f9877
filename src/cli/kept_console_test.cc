// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/kept_console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

TEST(KeptConsole, OnlyWhatStandsBelowTheStateIsRead) {
  const auto temp = TempDir::make(fs::temp_directory_path(), "kobox-console").value();
  const auto state = temp.path() / "state";
  ASSERT_TRUE(write_file(state / "runs/1/console.log", "hello\n"));
  ASSERT_TRUE(write_file(temp.path() / "state-of-another/secret", "secret\n"));
  fs::create_symlink(temp.path() / "state-of-another/secret", state / "runs/1/link");
  const auto console = kept_console(state);
  EXPECT_EQ(console(state / "runs/1/console.log"), "hello\n");
  EXPECT_EQ(console(state / "runs/1/link"), "");
  EXPECT_EQ(console(temp.path() / "state-of-another/secret"), "");
  EXPECT_EQ(console(state / "../state-of-another/secret"), "");
  EXPECT_EQ(console(state / "runs"), "");
  EXPECT_EQ(console("/nowhere"), "");
}

TEST(KeptConsole, OfALongOneTheEndIsGivenFromTheBeginningOfALine) {
  const auto temp = TempDir::make(fs::temp_directory_path(), "kobox-console").value();
  std::string text;
  for (int i = 0; i < 20000; ++i) text += fmt::format("line {}\n", i);
  ASSERT_TRUE(write_file(temp.path() / "console.log", text));
  const auto shown = kept_console(temp.path())(temp.path() / "console.log");
  EXPECT_LE(shown.size(), 66U << 10);
  EXPECT_THAT(shown, testing::EndsWith("line 19999\n"));
  EXPECT_THAT(shown, testing::MatchesRegex("\\([0-9]+ bytes before this\\)\nline (.|\n)*"));
}

}  // namespace
}  // namespace kobox
