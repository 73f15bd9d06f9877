// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/kvm_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trace/exit_reasons.h"
#include "trace/region_map.h"
#include "trace/ring_pages.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;

// The module's functions are those from 0xc000 on.
constexpr std::uint64_t k_write = 0xc000, k_helper = 0xc100, k_printk = 0x8000, k_lock = 0x8100;

EventFormat format(std::string name, unsigned id, std::vector<std::string> fields) {
  EventFormat made{.name = std::move(name), .id = id, .fields = {}};
  unsigned offset = 8;
  for (auto& field : fields) {
    made.fields[std::move(field)] = {offset, 8};
    offset += 8;
  }
  return made;
}

enum Host : unsigned { k_exit = 1, k_entry, k_pio, k_mmio, k_msr, k_other };
enum Guest : unsigned { k_enter = 11, k_leave, k_switch, k_irq, k_irq_end, k_soft, k_soft_end };

class KvmReaderTest : public ::testing::Test {
 protected:
  KvmReaderTest()
      : reader_(
            {.host = {format("kvm_exit", k_exit, {"exit_reason", "isa", "guest_rip"}),
                      format("kvm_entry", k_entry, {}),
                      format("kvm_pio", k_pio, {"rw", "port", "size", "val"}),
                      format("kvm_mmio", k_mmio, {"type", "gpa", "len", "val"}),
                      format("kvm_msr", k_msr, {"write", "ecx", "data"}),
                      format("kvm_fpu", k_other, {})},
             .guest = {format("funcgraph_entry", k_enter, {"func"}),
                       format("funcgraph_exit", k_leave, {"func"}),
                       format("sched_switch", k_switch, {"next_pid"}),
                       format("local_timer_entry", k_irq, {}),
                       format("local_timer_exit", k_irq_end, {}),
                       format("softirq_entry", k_soft, {}), format("softirq_exit", k_soft_end, {})},
             .vcpus = {{700, 0}, {701, 1}},
             .in_module = [](std::uint64_t address) { return address >= 0xc000; },
             .nanoseconds = [](std::uint64_t time) { return 10 * time; },
             .region =
                 [](Exit::Space space, std::uint64_t address) {
                   return space == Exit::Space::port && address == 0x3f8 ? "serial" : "";
                 }},
            {.call =
                 [this](const CallBegin& c) {
                   rows_.push_back(fmt::format("call {} in {} of {:x} on {} at {}", c.id, c.parent,
                                               c.function, c.cpu, c.ns));
                 },
             .end =
                 [this](const CallEnd& e) {
                   rows_.push_back(fmt::format("end {} on {} at {}", e.id, e.cpu, e.ns));
                 },
             .exit = [this](const Exit& e) { rows_.push_back(shown(e)); }}) {}

  static std::string shown(const Exit& e) {
    auto text = fmt::format("{} on {} at {} for {} in {} via {:x}", e.reason, e.cpu, e.ns,
                            e.duration_ns, e.call, e.via);
    if (e.space != Exit::Space::none)
      text += fmt::format(" {} {:x}={:x}/{}{}", e.is_write ? "write" : "read", e.address, e.value,
                          e.size, e.region.empty() ? "" : " " + e.region);
    return text;
  }
  template <typename... Numbers>
  void host(std::uint64_t time, unsigned id, Numbers... numbers) {
    take(RecordFile::Of::host, 0, time,
         common_fields(id, 700) + bytes_of(static_cast<std::uint64_t>(numbers)...));
  }
  template <typename... Numbers>
  void guest(std::uint64_t time, unsigned id, unsigned pid, Numbers... numbers) {
    take(RecordFile::Of::guest, 0, time,
         common_fields(id, pid) + bytes_of(static_cast<std::uint64_t>(numbers)...));
  }
  void take(RecordFile::Of of, unsigned cpu, std::uint64_t time, const std::string& data) {
    reader_.take({of, cpu, time, data});
  }
  // An exit of the kind "io" (SVM), and the entry after it.
  void exit_and_entry(std::uint64_t time, std::uint64_t rip = 0x9000) {
    host(time, k_exit, 0x7b, 2, rip);
    host(time + 1, k_entry);
  }
  std::vector<std::string> rows() {
    reader_.finish();
    return rows_;
  }
  std::vector<std::string> rows_;
  KvmReader reader_;
};

TEST_F(KvmReaderTest, AnExitLastsUntilTheEntry) {
  host(5, k_exit, 0x7b, 2, 0x9000);
  host(6, k_pio, 1, 0x3f8, 1, 0x48);
  host(9, k_entry);
  EXPECT_THAT(rows(), ElementsAre("io on 0 at 50 for 40 in 0 via 0 write 3f8=48/1 serial"));
  EXPECT_EQ(reader_.counts().at("kvm_exit"), 1U);
  EXPECT_EQ(reader_.counts().at("kvm_pio"), 1U);
  EXPECT_EQ(reader_.counts().at("kvm_fpu"), 0U);
}

TEST_F(KvmReaderTest, AReadsValueIsTheOneThatQemuGave) {
  host(5, k_exit, 0x400, 2, 0x9000);
  host(6, k_mmio, 0, 0xfeb00008, 4, 0);  // not answered yet
  host(7, k_mmio, 1, 0xfeb00008, 4, 0x1234);
  host(9, k_entry);
  EXPECT_THAT(rows(), ElementsAre("npf on 0 at 50 for 40 in 0 via 0 read feb00008=1234/4"));
}

TEST_F(KvmReaderTest, ExitsWithoutAnEntryHaveNoDuration) {
  host(5, k_exit, 0x78, 2, 0x9000);
  host(6, k_exit, 0x78, 2, 0x9000);
  EXPECT_THAT(rows(),
              ElementsAre("hlt on 0 at 50 for 0 in 0 via 0", "hlt on 0 at 60 for 0 in 0 via 0"));
}

TEST_F(KvmReaderTest, WhatIsBeforeTheFirstExitAndOtherThreadsAreNot) {
  host(4, k_pio, 1, 0x3f8, 1, 0x48);
  host(5, k_entry);
  take(RecordFile::Of::host, 0, 6, common_fields(k_exit, 999) + bytes_of(1ULL, 2ULL, 3ULL));
  take(RecordFile::Of::host, 0, 7, common_fields(k_exit, 700));  // cut off
  take(RecordFile::Of::host, 0, 8, "");
  EXPECT_THAT(rows(), ElementsAre("read_cr0 on 0 at 70 for 0 in 0 via 0"));
}

TEST_F(KvmReaderTest, AnExitBelongsToTheFunctionThatIsActive) {
  guest(10, k_enter, 42, k_write);
  exit_and_entry(11, k_write + 4);
  guest(12, k_enter, 42, k_printk);
  exit_and_entry(13);
  guest(14, k_leave, 42, k_printk);
  guest(15, k_enter, 42, k_helper);
  exit_and_entry(16);
  guest(17, k_leave, 42, k_helper);
  guest(18, k_leave, 42, k_write);
  exit_and_entry(19);
  EXPECT_THAT(rows(),
              ElementsAre("call 1 in 0 of c000 on 0 at 100", "io on 0 at 110 for 10 in 1 via 0",
                          "io on 0 at 130 for 10 in 1 via 8000", "call 2 in 1 of c100 on 0 at 150",
                          "io on 0 at 160 for 10 in 2 via 0", "end 2 on 0 at 170",
                          "end 1 on 0 at 180", "io on 0 at 190 for 10 in 0 via 0"));
}

TEST_F(KvmReaderTest, AnotherTasksWorkIsNotTheModules) {
  guest(10, k_enter, 42, k_write);
  guest(11, k_enter, 42, k_lock);
  guest(12, k_switch, 42, 43);
  exit_and_entry(13);
  guest(14, k_switch, 43, 42);
  exit_and_entry(15);
  EXPECT_THAT(rows(),
              ElementsAre("call 1 in 0 of c000 on 0 at 100", "io on 0 at 130 for 10 in 0 via 0",
                          "io on 0 at 150 for 10 in 1 via 8100"));
}

TEST_F(KvmReaderTest, AnInterruptsWorkIsNotTheModulesUnlessItIsItsHandler) {
  guest(10, k_enter, 42, k_write);
  guest(11, k_irq, 42);
  exit_and_entry(12);
  guest(13, k_enter, 42, k_helper);
  exit_and_entry(14);
  guest(15, k_leave, 42, k_helper);
  guest(16, k_soft, 42);
  guest(17, k_irq_end, 42);  // what was open in it ends with it
  exit_and_entry(18);
  EXPECT_THAT(rows(),
              ElementsAre("call 1 in 0 of c000 on 0 at 100", "io on 0 at 120 for 10 in 0 via 0",
                          "call 2 in 0 of c100 on 0 at 130", "io on 0 at 140 for 10 in 2 via 0",
                          "end 2 on 0 at 150", "io on 0 at 180 for 10 in 1 via 0"));
}

TEST_F(KvmReaderTest, AcknowledgingAnInterruptIsNotTheInterruptedFunctions) {
  guest(10, k_enter, 42, k_write);
  guest(11, k_enter, 42, k_printk);
  host(12, k_exit, 0x7c, 2, 0x9000);
  host(13, k_msr, 1, 0x80b, 0);
  host(14, k_entry);
  host(15, k_exit, 0x7c, 2, 0x9000);
  host(16, k_msr, 1, 0x6e0, 0);
  host(17, k_entry);
  guest(18, k_leave, 42, k_printk);
  host(19, k_exit, 0x400, 2, 0x9000);
  host(20, k_mmio, 1, 0xfee00380, 4, 0);  // before its tracepoint, as printk does not make the call
  host(21, k_entry);
  EXPECT_THAT(rows(), ElementsAre("call 1 in 0 of c000 on 0 at 100",
                                  "msr on 0 at 120 for 20 in 0 via 0 write 80b=0/8",
                                  "msr on 0 at 150 for 20 in 1 via 8000 write 6e0=0/8",
                                  "npf on 0 at 190 for 20 in 0 via 0 read fee00380=0/4"));
}

TEST_F(KvmReaderTest, AGuestThatLiesIsBounded) {
  for (unsigned i = 0; i < 2000; ++i) guest(i, k_enter, 42, k_write);
  for (unsigned pid = 1; pid < 100'000; ++pid) guest(pid, k_irq, pid);
  guest(5, k_leave, 1, 0x77);
  guest(5, k_irq_end, 1);
  take(RecordFile::Of::guest, 4'000'000'000U, 7, common_fields(k_enter, 1) + bytes_of(k_write));
  EXPECT_LE(rows().size(), 300U);
}

TEST(ExitReasons, HaveTheKernelsNames) {
  EXPECT_EQ(exit_reason_name(1, 30), "IO_INSTRUCTION");
  EXPECT_EQ(exit_reason_name(1, 0x80000021), "INVALID_STATE");
  EXPECT_EQ(exit_reason_name(2, 0x7b), "io");
  EXPECT_EQ(exit_reason_name(2, 0x400), "npf");
  EXPECT_EQ(exit_reason_name(2, 0xffffffff), "invalid_guest_state");
  EXPECT_EQ(exit_reason_name(2, 0x999), "reason 0x999");
  EXPECT_EQ(kvm_run_exit_name(2), "IO");
  EXPECT_EQ(kvm_run_exit_name(6), "MMIO");
}

TEST(RegionMap, FindsADeviceByItsAddress) {
  const RegionMap map(
      "FlatView #0\r\n AS \"I/O\", root: io\r\n Root memory region: io\r\n"
      "  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan\r\n"
      "  00000000000003f8-00000000000003ff (prio 0, i/o): serial\r\n\r\n"
      "FlatView #1\r\n AS \"cpu-smm-0\", root: memory\r\n"
      "  0000000000000000-ffffffffffffffff (prio 0, i/o): wrong\r\n\r\n"
      "FlatView #2\r\n AS \"memory\", root: system\r\n AS \"cpu-memory-0\", root: system\r\n"
      "  0000000000000000-00000000000bffff (prio 0, ram): pc.ram\r\n"
      "  0000000000100000-000000000fffffff (prio 0, ram): pc.ram @0000000000100000\r\n"
      "  00000000feb00000-00000000feb00fff (prio 1, i/o): a (device): b\r\n"
      "garbage-more (x): y\r\n");
  EXPECT_EQ(map.name(Exit::Space::port, 0x3f8), "serial");
  EXPECT_EQ(map.name(Exit::Space::port, 0x3ff), "serial");
  EXPECT_EQ(map.name(Exit::Space::port, 0x400), "");
  EXPECT_EQ(map.name(Exit::Space::memory, 0x100000), "pc.ram");
  EXPECT_EQ(map.name(Exit::Space::memory, 0xfeb00ff8), "a (device): b");
  EXPECT_EQ(map.name(Exit::Space::memory, 0xfec00000), "");
  EXPECT_EQ(RegionMap("").name(Exit::Space::port, 0), "");
}

}  // namespace
}  // namespace kobox
