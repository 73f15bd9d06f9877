// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/console_text.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(ConsoleText, KeepsAllOfAShortOne) {
  ConsoleText console(4);
  EXPECT_TRUE(console.empty());
  for (const char* piece : {"ab", "cde", "f"}) console.append(piece);
  EXPECT_EQ(console.text(), "abcdef");
  EXPECT_EQ(console.size(), 6U);
  EXPECT_EQ(console.since(1), "bcdef");
  EXPECT_EQ(console.since(5), "f");
  EXPECT_EQ(console.since(6), "");
  EXPECT_EQ(console.since(100), "");
}

TEST(ConsoleText, KeepsTheBeginningAndTheEndOfALongOne) {
  ConsoleText console(5);
  console.append("begin");
  for (int i = 0; i < 100; ++i) console.append("flood");
  const auto mark = console.size();
  console.append("panic");
  EXPECT_EQ(console.size(), 5U + 500U + 5U);
  const auto text = console.text();
  EXPECT_TRUE(text.starts_with("begin\n[kobox: ")) << text;
  EXPECT_TRUE(text.ends_with("panic")) << text;
  EXPECT_LE(text.size(), 5U + 10U + 60U);
  EXPECT_EQ(console.since(mark), "panic");
}

TEST(ConsoleText, TheCutIsCountedFromTheMark) {
  ConsoleText console(4);
  console.append("bootxxxxxxxxlast");  // 16 bytes; the 8 in the middle go
  EXPECT_EQ(console.text(), "boot\n[kobox: 8 bytes of the console are left out here]\nlast");
  EXPECT_EQ(console.since(2), "ot\n[kobox: 8 bytes of the console are left out here]\nlast");
  EXPECT_EQ(console.since(7), "\n[kobox: 5 bytes of the console are left out here]\nlast");
  EXPECT_EQ(console.since(12), "last");
}

}  // namespace
}  // namespace kobox
