// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/qemu_log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What was read, a line each.
class QemuLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> read(std::string_view log, std::size_t piece = 4096) {
    events_.clear();
    QemuLogReader reader(
        {.call =
             [this](const CallBegin& c) {
               events_.push_back(fmt::format("call {} in {} of {:x} on {} at {} after {}", c.id,
                                             c.parent, c.function, c.cpu, c.ns, c.instructions));
             },
         .end =
             [this](const CallEnd& e) {
               events_.push_back(
                   fmt::format("end {} on {} at {} after {}", e.id, e.cpu, e.ns, e.instructions));
             },
         .exit =
             [this](const Exit& a) {
               const auto kvm = a.reason != "port" && a.reason != "memory";
               if (a.space == Exit::Space::none) {
                 events_.push_back(fmt::format("{}: none on {} at {}", a.reason, a.cpu, a.ns));
                 return;
               }
               events_.push_back(
                   fmt::format("{}{} {} {:x}={:x}/{} {} on {} by {:x} in {} via {:x} at {}",
                               kvm ? a.reason + ": " : "", a.is_write ? "write" : "read",
                               a.space == Exit::Space::port ? "port" : "memory", a.address, a.value,
                               a.size, a.region, a.cpu, a.rip, a.call, a.via, a.ns));
             }});
    for (std::size_t at = 0; at < log.size(); at += piece) reader.feed(log.substr(at, piece));
    reader.finish();
    malformed_ = reader.malformed();
    return events_;
  }
  std::vector<std::string> events_;
  std::uint64_t malformed_ = 0;
};

constexpr const char* k_serial =
    "memory_region_ops_write cpu 0 mr 0x55d0c0ffee00 addr 0x3f8 value 0x48 size 1 name 'serial'\n";
constexpr const char* k_apic =
    "memory_region_ops_read cpu 0 mr 0x55d0c0ffee88 addr 0xfee00300 value 0x0 size 4 name "
    "'apic-msi'\n";

TEST_F(QemuLogTest, CallsBeginAndEnd) {
  EXPECT_THAT(read("kobox call 1 1000 77 3 2 ffffffffc0236000\nkobox return 1 1500 99 3\n"),
              ElementsAre("call 3 in 2 of ffffffffc0236000 on 1 at 1000 after 77",
                          "end 3 on 1 at 1500 after 99"));
  EXPECT_EQ(malformed_, 0U);
}

TEST_F(QemuLogTest, APortsInstructionComesBeforeItsAccess) {
  const auto port = std::string("kobox port 0 5 ffffffff81000010 7 ffffffff81000000\n");
  EXPECT_THAT(read(port + k_serial + k_serial),
              ElementsAre("write port 3f8=48/1 serial on 0 by ffffffff81000010 in 7 via "
                          "ffffffff81000000 at 5",
                          "write port 3f8=48/1 serial on 0 by ffffffff81000010 in 7 via "
                          "ffffffff81000000 at 5"))
      << "an access of several parts is one instruction's";
}

TEST_F(QemuLogTest, AMemoryInstructionComesAfterItsAccess) {
  const auto port = std::string("kobox port 0 5 10 7 0\n");
  EXPECT_THAT(read(port + k_serial + k_apic + "kobox memory 0 6 20 8 30\n"),
              ElementsAre("write port 3f8=48/1 serial on 0 by 10 in 7 via 0 at 5",
                          "read memory fee00300=0/4 apic-msi on 0 by 20 in 8 via 30 at 6"));
}

TEST_F(QemuLogTest, PartsOfOneAccessAreOne) {
  std::string parts;
  for (int i = 0; i < 4; ++i)
    parts += fmt::format(
        "memory_region_ops_read cpu 0 mr 0x1 addr {:#x} value {:#x} size 1 name 'dev'\n",
        0x10000008 + i, 0x10 + i);
  EXPECT_THAT(read(parts + "kobox memory 0 6 20 8 0\n" + parts + "kobox memory 0 7 20 8 0\n"),
              ElementsAre("read memory 10000008=13121110/4 dev on 0 by 20 in 8 via 0 at 6",
                          "read memory 10000008=13121110/4 dev on 0 by 20 in 8 via 0 at 7"));
}

TEST_F(QemuLogTest, EachProcessorHasItsOwnOrder) {
  const std::string other =
      "memory_region_ops_write cpu 1 mr 0x1 addr 0xfee000b0 value 0x0 size 4 name 'a b'\n";
  EXPECT_THAT(
      read("kobox port 0 5 10 7 0\n" + other + k_serial + "kobox memory 1 6 20 8 30\n"),
      ::testing::UnorderedElementsAre("write port 3f8=48/1 serial on 0 by 10 in 7 via 0 at 5",
                                      "write memory fee000b0=0/4 a b on 1 by 20 in 8 via 30 at 6"));
}

TEST_F(QemuLogTest, WithoutItsInstructionAnAccessStillCounts) {
  EXPECT_THAT(read(k_apic),
              ElementsAre("read memory fee00300=0/4 apic-msi on 0 by 0 in 0 via 0 at 0"));
}

TEST_F(QemuLogTest, PiecesOfAnySizeAreTheSame) {
  const auto log = std::string("kobox port 0 5 10 7 0\n") + k_serial + k_apic +
                   "kobox memory 0 6 20 8 30\nkobox call 1 1000 77 3 2 ff\n";
  const auto whole = read(log);
  for (const std::size_t piece : {1U, 2U, 7U, 64U}) EXPECT_EQ(read(log, piece), whole);
}

TEST_F(QemuLogTest, WhatADeviceDoesByItselfIsNoProcessors) {
  EXPECT_THAT(read("memory_region_ops_write cpu -1 mr 0x1 addr 0x10 value 0x0 size 4 name 'x'\n"),
              IsEmpty());
  EXPECT_EQ(malformed_, 0U);
}

TEST_F(QemuLogTest, ExitsThatKvmHandsToQemuHaveTheirAccesses) {
  const auto log =
      "7@1700000000.000005:kvm_run_exit cpu_index 0, reason 2\n7@1700000000.000006:" +
      std::string(k_serial) +
      "7@1700000000.000010:kvm_run_exit cpu_index 0, reason 6\n7@1700000000.000011:" + k_apic +
      "7@1700000000.000012:kvm_run_exit cpu_index 0, reason 5\n";
  EXPECT_THAT(read(log),
              ElementsAre("IO: write port 3f8=48/1 serial on 0 by 0 in 0 via 0 at "
                          "1700000000000005000",
                          "MMIO: read memory fee00300=0/4 apic-msi on 0 by 0 in 0 via 0 at "
                          "1700000000000010000",
                          "HLT: none on 0 at 1700000000000012000"));
  EXPECT_EQ(malformed_, 0U);
  for (const char* line : {"kvm_run_exit cpu_index 0", "kvm_run_exit cpu_index x, reason 2",
                           "kvm_run_exit cpu_index 0, reason -"}) {
    EXPECT_THAT(read(std::string(line) + "\n"), IsEmpty()) << line;
    EXPECT_EQ(malformed_, 1U) << line;
  }
}

TEST_F(QemuLogTest, BrokenLinesAreCounted) {
  for (const char* line :
       {"kobox", "kobox call", "kobox call x 1 2 3 4 5", "kobox call 1 1000 77 3 2 ff more",
        "kobox return 1 2 3", "kobox port 1 2 zz 3 4", "kobox nothing 1 2 3 4 5",
        "memory_region_ops_read cpu 0",
        "memory_region_ops_read cpu 0 mr 0x1 addr 0x1 value 0x1 "
        "size 1 name x",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x value 0x1 size 1 name 'x'",
        "kobox call 1 99999999999999999999999 77 3 2 ff"}) {
    EXPECT_THAT(read(std::string(line) + "\n"), IsEmpty()) << line;
    EXPECT_EQ(malformed_, std::string_view(line) == "kobox" ? 0U : 1U) << line;
  }
  EXPECT_THAT(read("kobox return 1 2 3 4"), IsEmpty()) << "its end never came";
  EXPECT_EQ(malformed_, 1U);
  read(std::string(1 << 20, 'x') + "\n" + k_apic);
  EXPECT_EQ(events_.size(), 1U) << "a line without end takes no memory and hides nothing";
}

}  // namespace
}  // namespace kobox
