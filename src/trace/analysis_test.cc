// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/analysis.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

constexpr std::uint64_t k_write = 0xc000, k_helper = 0xc100, k_printk = 0x8000;

CallBegin begin(std::uint64_t id, std::uint64_t function, std::uint64_t ns,
                std::uint64_t instructions, unsigned cpu = 0) {
  return {.id = id, .function = function, .cpu = cpu, .ns = ns, .instructions = instructions};
}
CallEnd end(std::uint64_t id, std::uint64_t ns, std::uint64_t instructions, unsigned cpu = 0) {
  return {.id = id, .cpu = cpu, .ns = ns, .instructions = instructions};
}
DeviceAccess access(std::uint64_t call, std::uint64_t via, std::uint64_t ns = 1) {
  return {.ns = ns,
          .rip = 0x8010,
          .call = call,
          .via = via,
          .is_port = true,
          .is_write = true,
          .address = 0x3f8,
          .size = 1,
          .region = "serial"};
}

TEST(TraceAnalysis, CallsAreCountedTimedAndMeasured) {
  TraceAnalysis analysis;
  analysis.add(begin(1, k_write, 100, 1000));
  analysis.add(begin(2, k_helper, 120, 1010));
  analysis.add(end(2, 150, 1030));
  analysis.add(end(1, 200, 1100));
  analysis.add(begin(3, k_write, 300, 2000));
  analysis.add(end(3, 350, 2020));
  const auto& write = analysis.functions().at(k_write);
  EXPECT_EQ(write.calls, 2U);
  EXPECT_EQ(write.returned, 2U);
  EXPECT_EQ(write.ns, 150U);
  EXPECT_EQ(write.max_ns, 100U);
  EXPECT_EQ(write.instructions, 120U);
  EXPECT_EQ(analysis.functions().at(k_helper).instructions, 20U);
  EXPECT_EQ(analysis.first_ns(), 100U);
  EXPECT_EQ(analysis.last_ns(), 350U);
}

TEST(TraceAnalysis, ACallThatWentToAnotherProcessorHasNoInstructionCount) {
  TraceAnalysis analysis;
  analysis.add(begin(1, k_write, 100, 1'000'000));
  analysis.add(end(1, 200, 5, 1));
  EXPECT_EQ(analysis.functions().at(k_write).instructions, 0U);
  EXPECT_EQ(analysis.functions().at(k_write).ns, 100U);
}

TEST(TraceAnalysis, AnAccessBelongsToTheActiveFunction) {
  TraceAnalysis analysis;
  analysis.add(begin(1, k_write, 100, 0));
  analysis.add(access(1, k_printk));
  analysis.add(access(1, 0));
  analysis.add(access(0, 0));
  analysis.add(end(1, 200, 10));
  analysis.add(access(1, 0));  // the plugin does not name a call that has ended
  EXPECT_EQ(analysis.accesses(), 4U);
  EXPECT_EQ(analysis.module_accesses(), 2U);
  EXPECT_EQ(analysis.functions().at(k_write).accesses, 2U);
  EXPECT_EQ(analysis.functions().at(k_write).own_accesses, 1U);
  EXPECT_EQ(analysis.targets().size(), 1U);
  EXPECT_EQ(analysis.paths().size(), 3U);
}

TEST(TraceAnalysis, AnEndWithoutABeginningIsIgnored) {
  TraceAnalysis analysis;
  analysis.add(end(9, 200, 10));
  EXPECT_TRUE(analysis.functions().empty());
}

}  // namespace
}  // namespace kobox
