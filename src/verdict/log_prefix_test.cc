// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/log_prefix.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(LogPrefix, IsTakenOff) {
  for (const auto* line :
       {"[   12.345678] BUG: x", "[12345678.345678] BUG: x", "<4>[   12.345678] BUG: x",
        "[   12.345678][    T1] BUG: x", "[   12.345678] [  T123] BUG: x",
        "[   12.345678][   C0] BUG: x", "/ # [   12.345678] BUG: x",
        "\x1b[2JSeaBIOS [x] [    0.000000] BUG: x"}) {
    EXPECT_EQ(read_log_prefix(line).text, "BUG: x") << line;
    EXPECT_TRUE(read_log_prefix(line).timed) << line;
  }
}

TEST(LogPrefix, LeavesTheMessageAlone) {
  EXPECT_EQ(read_log_prefix("[    1.000000]  f+0x1/0x2").text, " f+0x1/0x2");
  EXPECT_EQ(read_log_prefix("[    1.000000] m: got [    2.000000] BUG: x").text,
            "m: got [    2.000000] BUG: x");
  EXPECT_EQ(read_log_prefix("[    1.000000] [ INFO: x ]").text, "[ INFO: x ]");
  EXPECT_EQ(read_log_prefix("[    1.000000]").text, "");
  for (const auto* line : {"", "[", "[   ", "[ BUG: x ]", "[1.2] x", "[12.345678", "plain"}) {
    EXPECT_EQ(read_log_prefix(line).text, line);
    EXPECT_FALSE(read_log_prefix(line).timed);
  }
  EXPECT_EQ(read_log_prefix("<6>plain").text, "plain");
}

}  // namespace
}  // namespace kobox
