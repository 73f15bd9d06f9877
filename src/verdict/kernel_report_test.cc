// SPDX-License-Identifier: GPL-2.0-or-later
// What the reader makes of reports, one behaviour a test; console_test.cc reads whole logs.
#include "verdict/kernel_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace kobox {

namespace {

namespace fs = std::filesystem;
using enum FailureKind;

const fs::path k_consoles = fs::path(KOBOX_SOURCE_DIR) / "tests/data/consoles";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

using Names = std::vector<std::string>;

std::vector<KernelReport> reports_of(std::string_view text) {
  ReportReader reader;
  reader.feed(text);
  reader.finish();
  return reader.reports();
}

std::vector<KernelReport> constructed(std::string_view name) {
  return reports_of(read(k_consoles / "constructed" / (std::string(name) + ".log")));
}

TEST(KernelReport, HoldsItsLinesAndNoOthers) {
  const auto kasan = constructed("kasan").at(0);
  EXPECT_TRUE(kasan.complete);
  EXPECT_THAT(kasan.lines.front(), testing::StartsWith("======"));
  EXPECT_THAT(kasan.lines.back(), testing::StartsWith("======"));
  // Neither the allocation's stack …
  for (const auto& frame : kasan.trace) EXPECT_NE(frame.function, "mymod_init");

  for (const auto* name : {"sleeping-in-atomic", "refcount-warning", "slub", "sysfs-duplicate",
                           "unknown-bug", "lockdep-circular", "rcu-stall"}) {
    const auto report = constructed(name).at(0);
    EXPECT_TRUE(report.complete) << name;
    for (const auto& line : report.lines) {
      EXPECT_EQ(line.find("not part of it"), line.npos) << name;
      EXPECT_EQ(line.find("Constructed"), line.npos) << name;
    }
  }
  EXPECT_THAT(constructed("sleeping-in-atomic").at(0).lines, testing::Contains("mymod: and again"));
  EXPECT_THAT(constructed("slub").at(0).lines.back(), testing::StartsWith("FIX kmalloc-64"));
  EXPECT_THAT(constructed("rcu-stall").at(0).lines,
              testing::Contains(" rcu_gp_kthread+0xd7/0x1a0"));
  EXPECT_THAT(constructed("sysfs-duplicate").at(0).lines.back(),
              testing::StartsWith("kobject: kobject_add_internal failed"));
}

TEST(KernelReport, ABareTraceEndsWithABlankLine) {
  EXPECT_EQ(constructed("kfence").at(0).trace.size(), 4U);
  EXPECT_EQ(constructed("kcsan").at(0).trace.size(), 2U);
}

TEST(KernelReport, AfterItsTraceOnlyWhatFollowsAtOnceBelongsToIt) {
  const std::string lockup =
      "BUG: soft lockup - CPU#0 stuck for 22s! [a:1]\nCall Trace:\n <TASK>\n"
      " f+0x1/0x2 [m]\n </TASK>\n";
  const std::string other_cpu =
      "NMI backtrace for cpu 1\nCR2: 0000000000000008\n"
      "FS:  00007f0000000000(0000)\nCall Trace:\n last+0x1/0x2\n";
  EXPECT_EQ(reports_of(lockup + other_cpu).at(0).lines.back(), " last+0x1/0x2");
  EXPECT_EQ(reports_of(lockup + "m: alive\n" + other_cpu).at(0).lines.back(), " </TASK>");
}

TEST(KernelReport, AFatalExceptionEndsTheOopsItFollows) {
  const auto reports = constructed("warning-then-oops");
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_THAT(reports[1].lines.back(), testing::StartsWith("---[ end Kernel panic"));
  EXPECT_THAT(reports[1].lines, testing::Contains("mymod: another processor speaks"));
}

TEST(KernelReport, APanicOfItsOwnIsOne) {
  const auto reports = reports_of(
      "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2 [m]\n---[ end trace 0 ]---\n"
      "Kernel panic - not syncing: module asked for it\n");
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[1].kind, panic);
  EXPECT_FALSE(reports[1].complete);
}

TEST(KernelReport, AFatalExceptionIsSoonOrAnothers) {
  std::string other;
  for (int i = 0; i < 100; ++i) other += "m: alive\n";
  const std::string fault = "BUG: kernel NULL pointer dereference, x\n---[ end trace 0 ]---\n";
  const std::string end = "Kernel panic - not syncing: Fatal exception\n";
  EXPECT_EQ(reports_of(other + fault + end).size(), 1U);
  EXPECT_EQ(reports_of(fault + other + end).size(), 2U);
}

TEST(KernelReport, APanicOnWarnIsTheWarning) {
  const auto reports = reports_of(
      "------------[ cut here ]------------\nWARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2 [m]\n"
      "Kernel panic - not syncing: kernel: panic_on_warn set ...\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].kind, warning);
}

TEST(KernelReport, TheMostTellingIsTheFirstOfItsKind) {
  ReportReader reader;
  EXPECT_EQ(reader.most_telling(), nullptr);
  reader.feed(
      "BUG: soft lockup - CPU#0 stuck for 22s! [a:1]\n"
      "BUG: kernel NULL pointer dereference, address: 01\nOops: 0000 [#1] SMP\n"
      "---[ end trace 0 ]---\n"
      "BUG: kernel NULL pointer dereference, address: 02\n");
  ASSERT_EQ(reader.reports().size(), 3U);
  EXPECT_TRUE(reader.most_telling()->title.ends_with("01"));
  EXPECT_FALSE(reader.reports().back().complete);
}

TEST(KernelReport, ASecondOopsIsAnother) {
  const auto reports = reports_of(
      "BUG: kernel NULL pointer dereference, address: 01\nOops: 0000 [#1] SMP\n"
      "BUG: unable to handle page fault for address: 02\nOops: 0000 [#2] SMP\n");
  EXPECT_EQ(reports.size(), 2U);
}

TEST(KernelReport, AModulesOwnWarningIsNoTitle) {
  const auto reports = reports_of(
      "WARNING: the weather will change\nBUG: kernel NULL pointer dereference, address: 01\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_THAT(reports[0].title, testing::StartsWith("BUG: kernel NULL"));
  EXPECT_EQ(reports[0].lines.size(), 1U);
}

TEST(KernelReport, ACallOfNullHasNoPlace) {
  const auto reports = reports_of(
      "BUG: kernel NULL pointer dereference, address: 0\nOops: 0010 [#1] SMP\nRIP: 0010:0x0\n"
      "Call Trace:\n <IRQ>\n tick+0x1/0x2 [m]\n </IRQ>\n <TASK>\n"
      "RIP: 0010:pv_native_safe_halt+0xf/0x20\n </TASK>\n---[ end trace 0 ]---\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_FALSE(reports[0].rip);
  EXPECT_EQ(reports[0].innermost_frame(Names{"m"})->function, "tick");
}

TEST(KernelReport, APreludeFloodIsNothing) {
  ReportReader reader;
  reader.feed("------------[ cut here ]------------\n");
  for (int i = 0; i < 100'000; ++i) reader.feed("list_add corruption. m says so\n");
  reader.feed("m: done\nWARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2 [m]\n");
  ASSERT_EQ(reader.reports().size(), 1U);
  EXPECT_LE(reader.reports()[0].lines.size(), 40U);
}

TEST(KernelReport, ACutWithNothingAfterItCounts) {
  const auto reports = reports_of("[    1.000000] ------------[ cut here ]------------\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].kind, warning);
  EXPECT_FALSE(reports[0].complete);
}

TEST(KernelReport, PrefersReliableFrames) {
  KernelReport report;
  report.trace = {{"guess", 1, 2, "a_mod", false}, {"sure", 1, 2, "a_mod", true}};
  EXPECT_EQ(report.innermost_frame(Names{"a-mod"})->function, "sure");
  report.trace.pop_back();
  EXPECT_EQ(report.innermost_frame(Names{"a_mod"})->function, "guess");
  EXPECT_FALSE(report.innermost_frame(Names{"other"}));
  report.rip = TraceFrame{"place", 1, 2, "a_mod", true};
  EXPECT_EQ(report.innermost_frame(Names{"a_mod"})->function, "place");
}

TEST(KernelReport, OnceTimedTheRestIsNotTheKernels) {
  EXPECT_EQ(reports_of("BUG: kernel NULL pointer dereference, x\n").size(), 1U);
  EXPECT_EQ(reports_of("[    1.000000] hello\nBUG: kernel NULL pointer dereference, x\n").size(),
            0U);
}

TEST(KernelReport, OnlyTheFirstOfARecordsLinesBeginsAReport) {
  ReportReader reader;
  reader.feed_line("mymod: got\nBUG: kernel NULL pointer dereference, x");
  EXPECT_TRUE(reader.reports().empty());
  reader.feed_line("\nBUG: kernel NULL pointer dereference, x");
  EXPECT_EQ(reader.reports().size(), 1U);
}

TEST(KernelReport, CutOffAnywhereIsStillOne) {
  const auto text = read(k_consoles / "constructed/gpf-6.12.log");
  const auto headline = text.find("Oops: ");
  const auto named = text.find(" [#", headline) + 3;
  for (std::size_t end = 0; end <= text.size(); ++end) {
    const auto reports = reports_of(std::string_view(text).substr(0, end));
    EXPECT_EQ(reports.size(), end < named ? 0U : 1U) << end;
  }
}

TEST(KernelReport, IsBounded) {
  ReportReader reader;
  for (int i = 0; i < 500; ++i) {
    reader.feed("WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2 [m]\n" + std::string(100'000, 'x') +
                "\n");
    for (int line = 0; line < 300; ++line) reader.feed(" f+0x1/0x2 [m]\n");
    reader.feed("---[ end trace 0 ]---\n");
  }
  reader.feed("BUG: kernel NULL pointer dereference, address: 8\n");
  reader.finish();
  EXPECT_EQ(reader.reports().size(), 100U);
  EXPECT_EQ(reader.most_telling()->kind, oops);
  for (const auto& report : reader.reports()) {
    EXPECT_LE(report.lines.size(), 200U);
    for (const auto& line : report.lines) EXPECT_LE(line.size(), 4096U);
  }
}

}  // namespace
}  // namespace kobox
