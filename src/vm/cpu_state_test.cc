// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/cpu_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As QEMU 7.2 prints it, shortened.
constexpr std::string_view k_two = R"(
CPU#0
RAX=0000000000000000 RBX=ffffffff8280c940 RCX=0000000000000000 RDX=0000000000000000
RIP=ffffffff81a17a0b RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0000 0000000000000000 ffffffff 00c00000

CPU#1
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000663
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
)";

TEST(CpuState, OneForEachProcessor) {
  EXPECT_THAT(parse_registers(k_two),
              ElementsAre(CpuState{0xffffffff81a17a0b, true}, CpuState{0xfff0, false}));
}

TEST(CpuState, WhatIsNoRegisterIsPassedOver) {
  EXPECT_THAT(parse_registers(""), IsEmpty());
  EXPECT_THAT(parse_registers("RIP=tea HLT=1\nRIP=\n RIP\nunknown command"), IsEmpty());
}

}  // namespace
}  // namespace kobox
