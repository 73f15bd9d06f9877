// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/trace_line.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

const TraceFrame k_dev_write{"dev_write", 0x12, 0x90, "qemu_exercise", true};

TEST(TraceLine, ReadsEveryKernelsForm) {
  EXPECT_EQ(parse_trace_line(" dev_write+0x12/0x90 [qemu_exercise]"), k_dev_write);
  EXPECT_EQ(parse_trace_line(" [<ffffffffc0000012>] dev_write+0x12/0x90 [qemu_exercise]"),
            k_dev_write);
  EXPECT_EQ(parse_trace_line(" dev_write+0x12/0x90 [qemu_exercise 0123456789abcdef]"), k_dev_write);
  EXPECT_EQ(parse_trace_line(" dev_write+0x12/0x90 [qemu_exercise(OE)]"), k_dev_write);
  EXPECT_EQ(parse_trace_line(" dev_write+0x12/0x90 [qemu_exercise] (P)"), k_dev_write);
  const auto unsure = parse_trace_line(" ? __x64_sys_write.cold+0x1/0x2");
  ASSERT_TRUE(unsure);
  EXPECT_EQ(unsure->function, "__x64_sys_write.cold");
  EXPECT_EQ(unsure->module, "");
  EXPECT_FALSE(unsure->reliable);
}

TEST(TraceLine, IsNothingElse) {
  for (const auto* line :
       {"", " <TASK>", "dev_write", "+0x1/0x2", "f+0x/0x2", "f+0x1/2", "f+0x1/0x2 and more",
        "mymod: f+0x1/0x2", " [<zz>] f+0x1/0x2", " f+0x11111111111111111/0x2"})
    EXPECT_FALSE(parse_trace_line(line)) << line;
}

TEST(TraceLine, RipIsTheKernelsOnly) {
  EXPECT_EQ(parse_rip_line("RIP: 0010:dev_write+0x12/0x90 [qemu_exercise]"), k_dev_write);
  EXPECT_EQ(parse_rip_line("RIP: 0010:[<ffffffffc0000012>]  dev_write+0x12/0x90 [qemu_exercise]"),
            k_dev_write);
  EXPECT_FALSE(parse_rip_line("RIP: 0033:0x7f1234567890"));
  EXPECT_FALSE(parse_rip_line("RIP: 0033:dev_write+0x12/0x90"));
  EXPECT_FALSE(parse_rip_line("RIP: 0010:0x0"));
  EXPECT_FALSE(parse_rip_line("mymod: RIP: 0010:dev_write+0x12/0x90"));
}

TEST(TraceLine, FindsAFrameWithinAHeadline) {
  EXPECT_EQ(find_frame("WARNING: CPU: 0 PID: 88 at /m/a.c:33 dev_write+0x12/0x90 [qemu_exercise]"),
            k_dev_write);
  EXPECT_EQ(find_frame("WARNING: a.c:33 at dev_write+0x12/0x90 [qemu_exercise], CPU#0: cat/88"),
            k_dev_write);
  EXPECT_FALSE(find_frame("1+0x2+0x3+0x/0x"));
  EXPECT_FALSE(find_frame("BUG: kernel NULL pointer dereference, address: 0000000000000008"));
}

}  // namespace
}  // namespace kobox
