// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/gdb_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace kobox {
namespace {

std::string packet(std::string_view payload) {
  unsigned sum = 0;
  for (const char c : payload) sum += static_cast<unsigned char>(c);
  return fmt::format("${}#{:02x}", payload, sum & 0xff);
}

// --- steps

TEST(GdbFilter, OnlyTheSteppingProcessorGoesOn) {
  GdbFilter filter;
  EXPECT_EQ(filter.from_gdb(packet("vCont;s:p1.2;c:p1.-1")).to_qemu, packet("vCont;s:p1.2"));
  EXPECT_EQ(filter.from_gdb(packet("vCont;S05:p1.1;c")).to_qemu, packet("vCont;S05:p1.1"));
}

TEST(GdbFilter, EverythingElseStaysAsItIs) {
  GdbFilter filter;
  for (const auto& same :
       {packet("vCont;c:p1.-1"), packet("vCont?"), packet("vCont;s"),
        packet("z0,ffffffff81000000,1"), packet("vCont;c:p1.1;c:p1.2"), packet("X10,3:}\x03}\x04$"),
        packet("m10,"), packet("m,"), packet("Z0,"), packet("Z1,ffffffff81000000,1"), packet(""),
        std::string("+"), std::string("\x03"), std::string("-+-")}) {
    const auto onward = filter.from_gdb(same);
    EXPECT_EQ(onward.to_qemu, same);
    EXPECT_EQ(onward.to_gdb, "");
    EXPECT_EQ(filter.from_qemu(same).to_gdb, same);
  }
}

TEST(GdbFilter, BytesMayComeInAnyPieces) {
  const auto sent = "+" + packet("vCont;s:p1.2;c") + "\x03" + packet("g") + "+";
  const auto expected = "+" + packet("vCont;s:p1.2") + "\x03" + packet("g") + "+";
  for (std::size_t size = 1; size < sent.size(); ++size) {
    GdbFilter filter;
    std::string got;
    for (std::size_t at = 0; at < sent.size(); at += size)
      got += filter.from_gdb(sent.substr(at, size)).to_qemu;
    EXPECT_EQ(got, expected) << "in pieces of " << size;
  }
}

TEST(GdbFilter, WhoStepsForEverLetsTheOthersGoOnNowAndThen) {
  GdbFilter filter;
  const auto step = packet("vCont;s:p1.2;c");
  int whole = 0;
  for (int i = 0; i < 5000; ++i) whole += filter.from_gdb(step).to_qemu == step ? 1 : 0;
  EXPECT_EQ(whole, 5);
}

TEST(GdbFilter, APacketWithoutAnEndIsNotKeptForEver) {
  GdbFilter filter;
  std::string endless = "$";
  endless.append(1 << 20, 'x');
  EXPECT_EQ(filter.from_gdb(endless).to_qemu, endless);
  EXPECT_EQ(filter.from_gdb(packet("vCont;s:p1.2;c")).to_qemu, packet("vCont;s:p1.2"));
}

// --- breakpoints

class BreakpointTest : public testing::Test {
 protected:
  // As QEMU under KVM answers, but in pieces.
  void insert(std::string_view address, std::string_view was) {
    const auto choice = packet(fmt::format("Z0,{},1", address));
    const auto asked = filter_.from_gdb("+" + choice);
    EXPECT_EQ(asked.to_qemu, "+" + packet(fmt::format("m{},1", address)));
    EXPECT_EQ(filter_.from_qemu("+"), nothing_);
    const auto answer = packet(was);
    EXPECT_EQ(filter_.from_qemu(answer.substr(0, 3)), nothing_);
    const auto told = filter_.from_qemu(answer.substr(3));
    EXPECT_EQ(told.to_qemu, "+" + choice) << "the answer is acknowledged, then comes the choice";
    EXPECT_EQ(told.to_gdb, "") << "GDB has not asked";
    EXPECT_EQ(filter_.from_qemu("+" + packet("OK")).to_gdb, "+" + packet("OK"));
  }
  // What GDB reads of what QEMU answers.
  std::string read(std::string_view choice, std::string_view answer) {
    EXPECT_EQ(filter_.from_gdb(packet(choice)).to_qemu, packet(choice));
    const auto got = filter_.from_qemu("+" + packet(answer));
    EXPECT_EQ(got.to_qemu, "");
    return got.to_gdb;
  }

  GdbFilter filter_;
  const GdbFilter::Onward nothing_;
};

TEST_F(BreakpointTest, GdbReadsWhatWasThereBefore) {
  insert("ffffffff81139f60", "0f");
  insert("ffffffff81139f64", "55");
  EXPECT_EQ(read("mffffffff81139f60,6", "cc1f4400cc90"), "+" + packet("0f1f44005590"));
  EXPECT_EQ(read("mffffffff81139f5f,2", "90cc"), "+" + packet("900f"));
  EXPECT_EQ(read("mffffffff81139f61,3", "1f4400"), "+" + packet("1f4400"));
  EXPECT_EQ(read("mffffffff81139f65,1", "cc"), "+" + packet("cc")) << "the program's own";
}

TEST_F(BreakpointTest, WhatIsNotSeenIsNotHidden) {
  insert("1000", "0f");
  EXPECT_EQ(read("m1000,1", "90"), "+" + packet("90")) << "TCG's breakpoints are not in memory";
  EXPECT_EQ(read("m1000,2", "E14"), "+" + packet("E14"));
  EXPECT_EQ(read("m1000,8", "cc"), "+" + packet("0f")) << "shorter than was asked for";
  EXPECT_EQ(read("m1000,8", ""), "+" + packet(""));
}

TEST_F(BreakpointTest, OneThatIsTakenAwayIsForgotten) {
  insert("1000", "0f");
  EXPECT_EQ(filter_.from_gdb(packet("z0,1000,1")).to_qemu, packet("z0,1000,1"));
  filter_.from_qemu("+" + packet("OK"));
  EXPECT_EQ(read("m1000,1", "cc"), "+" + packet("cc"));
}

TEST_F(BreakpointTest, APlaceWithoutMemoryIsForQemuToRefuse) {
  const auto choice = packet("Z0,0,1");
  EXPECT_EQ(filter_.from_gdb(choice).to_qemu, packet("m0,1"));
  EXPECT_EQ(filter_.from_qemu("+" + packet("E14")).to_qemu, "+" + choice);
  EXPECT_EQ(filter_.from_qemu("+" + packet("E22")).to_gdb, "+" + packet("E22"));
}

TEST_F(BreakpointTest, WhatGdbSendsMeanwhileWaits) {
  const auto choice = packet("Z0,1000,1");
  filter_.from_gdb(choice);
  EXPECT_EQ(filter_.from_gdb(packet("g")).to_qemu, "");
  EXPECT_EQ(filter_.from_gdb("\x03").to_qemu, "\x03");
  EXPECT_EQ(filter_.from_qemu("+" + packet("T05thread:01;")).to_gdb, packet("T05thread:01;"));
  EXPECT_EQ(filter_.from_qemu(packet("90")).to_qemu, "+" + choice + packet("g"));
}

}  // namespace
}  // namespace kobox
