// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/init_trace.h"

#include <gmock/gmock.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = InitTrace::Kind;

// As Linux 6.12 prints it.
constexpr const char* k_trace =
    "# tracer: nop\n"
    "#\n"
    "     kobox-agent-77      [000] .....     4.617059: kobox_a0: (do_init_module+0x0/0x230 "
    "<ffffffff8118ce50>) a0=0xffffffffc0203000 a1=0xffffffffc0209000\n"
    "     kobox-agent-77      [000] .N...     4.839629: kobox_c2: (0xffffffffc0203021 "
    "<ffffffffc0203021> <- platform_device_register_full <ffffffff819271d4>) ret=-17\n"
    "       kworker/0-9       [000] .....     4.839630: kobox_c2: (0xffffffffc0203021 "
    "<ffffffffc0203021> <- platform_device_register_full <ffffffff819271d4>) ret=-17\n"
    "     kobox-agent-77      [000] ..Zff     5.050836: kobox_m1: (0xffffffffc0209053 "
    "<ffffffffc0209053>)\n"
    "     kobox-agent-77      [000] .....     4.624646: kobox_c0: ([unknown/kretprobe'd] "
    "<ffffffff8108c840> <- __register_chrdev <ffffffff8143d114>) ret=-17\n"
    "     kobox-agent-77      [000] .....     4.624662: kobox_f0: (do_one_initcall+0x58/0x310 "
    "<ffffffff81002a88> <- 0xffffffffc0209014 <ffffffffc0209014>) ret=-17\n";

TEST(InitTrace, HasWhatTheLoadingTaskDidInItsOrder) {
  const auto trace = parse_init_trace(k_trace);
  EXPECT_THAT(trace.anchors, ElementsAre(0xffffffffc0203000, 0xffffffffc0209000));
  ASSERT_THAT(trace.events, SizeIs(4)) << "none of another task's";
  EXPECT_EQ(trace.events[0].kind, Kind::callee);
  EXPECT_EQ(trace.events[0].index, 2U);
  EXPECT_EQ(trace.events[0].address, 0xffffffffc0203021) << "the caller's, not the callee's";
  EXPECT_FALSE(trace.events[0].in_place);
  EXPECT_EQ(trace.events[1].kind, Kind::move);
  EXPECT_EQ(trace.events[1].address, 0xffffffffc0209053);
  EXPECT_TRUE(trace.events[2].in_place) << "a tail call";
  EXPECT_EQ(trace.events[3].kind, Kind::function);
}

TEST(InitTrace, BeginsAgainWithEachModule) {
  const auto trace =
      parse_init_trace(std::string(k_trace) + "  x-8 [000] 9: kobox_a0: (do_init_module <1>)\n");
  EXPECT_THAT(trace.anchors, IsEmpty());
  EXPECT_THAT(trace.events, IsEmpty());
}

TEST(InitTrace, LeavesOutWhatIsNotUnderstood) {
  const std::string module = "x-1 [000] 1: kobox_a0: (do_init_module <1>) a0=0x1\n";
  const std::string task = "x-1 [000] 1";
  EXPECT_THAT(parse_init_trace(module + task + ": kobox_c0: (m <11> <- f <1>)").events, SizeIs(1));
  for (const auto* line :
       {"", ": kobox_c", ": kobox_c: (m <11> <- f <1>)", ": kobox_c0: (",
        ": kobox_c0: (m+0x1 <zz> <- f <1>)", ": kobox_c0: (m+0x1 <- f)", ": kobox_c0: (m <11>)",
        ": kobox_c-1: (m <11> <- f <1>)", ": kobox_c99999999999: (m <11> <- f <1>)",
        ": kobox_m0: (m <11>", ": kobox_z0: (m <11> <- f <1>)", ": kobox_c0: m <11> <- f <1>)"})
    EXPECT_THAT(parse_init_trace(module + task + line).events, IsEmpty()) << line;
  EXPECT_THAT(parse_init_trace(task + ": kobox_c0: (m <11> <- f <1>)").events, IsEmpty())
      << "no module has come";
  EXPECT_THAT(parse_init_trace("x-1 [000] 1: kobox_a0: (f) a0=(fault)").anchors, IsEmpty());
}

}  // namespace
}  // namespace kobox
