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
Exit access(std::uint64_t call, std::uint64_t via, std::uint64_t ns = 1) {
  return {.ns = ns,
          .duration_ns = 7,
          .reason = "port",
          .rip = 0x8010,
          .call = call,
          .via = via,
          .space = Exit::Space::port,
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
  EXPECT_EQ(write.returned.count(), 2U);
  EXPECT_EQ(write.returned.sum(), 150U);
  EXPECT_EQ(write.returned.longest(), 100U);
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
  EXPECT_EQ(analysis.functions().at(k_write).returned.sum(), 100U);
}

TEST(TraceAnalysis, AnAccessBelongsToTheActiveFunction) {
  TraceAnalysis analysis;
  analysis.add(begin(1, k_write, 100, 0));
  analysis.add(access(1, k_printk));
  analysis.add(access(1, 0));
  analysis.add(access(0, 0));
  analysis.add(end(1, 200, 10));
  analysis.add(access(1, 0));  // the plugin does not name a call that has ended
  EXPECT_EQ(analysis.exits().count(), 4U);
  EXPECT_EQ(analysis.module_exits(), 2U);
  EXPECT_EQ(analysis.functions().at(k_write).exits.count(), 2U);
  EXPECT_EQ(analysis.functions().at(k_write).own_exits, 1U);
  EXPECT_EQ(analysis.targets().size(), 1U);
  EXPECT_EQ(analysis.paths().size(), 3U);
}

TEST(TraceAnalysis, ExitsAreCountedByReasonByFunctionAndByBoth) {
  TraceAnalysis analysis;
  analysis.add(begin(1, k_write, 100, 0));
  analysis.add(access(1, k_printk));
  analysis.add(Exit{.ns = 5, .duration_ns = 3, .reason = "npf", .call = 1});
  analysis.add(Exit{.ns = 6, .duration_ns = 4, .reason = "npf"});
  EXPECT_EQ(analysis.reasons().at("npf").count(), 2U);
  EXPECT_EQ(analysis.reasons().at("npf").sum(), 7U);
  EXPECT_EQ(analysis.crossed().at({k_write, "npf"}).sum(), 3U);
  EXPECT_EQ(analysis.crossed().at({0, "npf"}).sum(), 4U);
  EXPECT_EQ(analysis.targets().size(), 1U) << "an exit that is for no address has no target";
  EXPECT_EQ(analysis.functions().at(k_write).exits.sum(), 10U);
}

TEST(TraceAnalysis, TheTimeLineHoldsTheFirstPartAndSaysWhatItLeavesOut) {
  TraceAnalysis analysis(2);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    analysis.add(begin(id, k_write, 100 * id, 0));
    analysis.add(access(id, 0, 100 * id + 1));
  }
  analysis.add(begin(4, k_helper, 350, 0));
  analysis.add(end(2, 900, 0));
  analysis.add(end(3, 950, 0));
  ASSERT_EQ(analysis.calls().size(), 2U);
  EXPECT_EQ(analysis.calls()[0].end_ns, 0U) << "it did not return";
  EXPECT_EQ(analysis.calls()[1].end_ns, 900U);
  EXPECT_EQ(analysis.calls_left_out(), 2U);
  EXPECT_EQ(analysis.marks().size(), 2U);
  EXPECT_EQ(analysis.marks_left_out(), 1U);
  EXPECT_EQ(analysis.marks()[1].function, k_write);
  EXPECT_EQ(analysis.exits().count(), 3U) << "the tables know all of them";
}

TEST(TraceAnalysis, CallsWithinCallsAreDeeper) {
  TraceAnalysis analysis;
  analysis.add(begin(1, k_write, 100, 0));
  auto inner = begin(2, k_helper, 110, 0);
  inner.parent = 1;
  analysis.add(inner);
  EXPECT_EQ(analysis.calls()[0].depth, 0U);
  EXPECT_EQ(analysis.calls()[1].depth, 1U);
}

TEST(Durations, QuantilesAreExactToOnePartIn64) {
  Durations none;
  EXPECT_EQ(none.quantile(990), 0U);
  EXPECT_EQ(none.mean(), 0U);
  Durations all;
  for (std::uint64_t ns = 1; ns <= 10'000; ++ns) all.add(ns * 1000);
  EXPECT_EQ(all.count(), 10'000U);
  EXPECT_EQ(all.longest(), 10'000'000U);
  EXPECT_EQ(all.mean(), 5'000'500U);
  for (const unsigned thousandths : {1U, 100U, 500U, 990U, 1000U}) {
    const auto exact = static_cast<double>(thousandths) * 10'000;
    EXPECT_GE(static_cast<double>(all.quantile(thousandths)), exact);
    EXPECT_LE(static_cast<double>(all.quantile(thousandths)), exact * (1 + 1.0 / 64));
  }
  Durations huge;
  huge.add(~std::uint64_t{0});
  EXPECT_EQ(huge.quantile(500), ~std::uint64_t{0});
}

TEST(TraceAnalysis, AnEndWithoutABeginningIsIgnored) {
  TraceAnalysis analysis;
  analysis.add(end(9, 200, 10));
  EXPECT_TRUE(analysis.functions().empty());
}

}  // namespace
}  // namespace kobox
