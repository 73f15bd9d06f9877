// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/blame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "module/driver_fixture.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;

class BlameTest : public DriverTest {
 protected:
  static TraceFrame frame(const std::string& function, std::uint64_t offset) {
    return {.function = function, .offset = offset, .size = 0, .module = "my_driver"};
  }
  static KernelReport oops(std::optional<TraceFrame> rip, std::vector<TraceFrame> trace) {
    return {.kind = FailureKind::oops,
            .title = "BUG: kernel NULL pointer dereference, address: 0000000000000008",
            .rip = std::move(rip),
            .trace = std::move(trace),
            .lines = {"first", "second"}};
  }
};

TEST_F(BlameTest, TheFaultingInstructionItself) {
  const auto fault = offsets("dev_write", ",0x8").at(0);
  const auto failure =
      Blame({module()})
          .from_report(oops(frame("dev_write", fault),
                            {frame("dev_ioctl", offsets("dev_ioctl", "call").at(1))}));
  EXPECT_EQ(failure.kind, FailureKind::oops);
  EXPECT_EQ(failure.message, "BUG: kernel NULL pointer dereference, address: 0000000000000008");
  EXPECT_EQ(failure.function, "store") << "the inlined one";
  EXPECT_EQ(failure.file, "driver.c");
  EXPECT_EQ(failure.line, 3);
  EXPECT_EQ(failure.source, "*(volatile int *)8 = x;");
  EXPECT_THAT(failure.log, ElementsAre("first", "second"));
}

TEST_F(BlameTest, AReturnAddressMeansTheCallBeforeIt) {
  const auto calls = offsets("dev_ioctl", "call");
  ASSERT_GE(calls.size(), 2U);
  const TraceFrame kernel{.function = "panic", .offset = 0x10, .size = 0x20};
  const auto failure = Blame({module()}).from_report(oops(kernel, {frame("dev_ioctl", calls[1])}));
  EXPECT_EQ(failure.function, "dev_ioctl");
  EXPECT_EQ(failure.line, 7);
  EXPECT_EQ(failure.source, "sink(x + 7);");
}

TEST_F(BlameTest, EveryPlaceInTheLogHasItsLine) {
  const auto fault = offsets("dev_write", ",0x8").at(0);
  auto report = oops(frame("dev_write", fault), {});
  report.lines = {fmt::format("RIP: 0010:dev_write+{:#x}/0x1000 [my_driver]", fault),
                  " vfs_write+0xc4/0x320"};
  EXPECT_THAT(
      Blame({module()}).from_report(report).log,
      ElementsAre(report.lines[0] + " (store at driver.c:3, inlined into dev_write at driver.c:5)",
                  report.lines[1]));
}

TEST_F(BlameTest, AReportWithoutTheModuleBlamesNoLine) {
  auto other = frame("dev_write", 0);
  other.module = "ext4";
  const auto failure = Blame({module()}).from_report(oops(other, {}));
  EXPECT_EQ(failure.function, "");
  EXPECT_EQ(failure.file, "");
  EXPECT_EQ(failure.line, 0);
}

TEST_F(BlameTest, AFunctionThatDwarfDoesNotKnowIsStillNamed) {
  const auto failure = Blame({module()}).from_report(oops(frame("no_such", 4), {}));
  EXPECT_EQ(failure.function, "no_such");
  EXPECT_EQ(failure.file, "");
}

TEST_F(BlameTest, AModuleThatCannotBeReadOnlyLeavesThePlaceUnknown) {
  auto gone = module();
  gone.ko = "/nonexistent.ko";
  const auto failure = Blame({gone}).from_report(oops(frame("dev_write", 1), {}));
  EXPECT_EQ(failure.function, "dev_write");
  EXPECT_EQ(failure.line, 0);
}

TEST_F(BlameTest, ThePrivateCopysPathIsTakenOff) {
  auto report = oops(std::nullopt, {});
  const auto path = (copy() / "sub/driver.c").string();
  report.title = "kernel BUG at " + path + ":3!";
  report.lines = {path + " " + path, "elsewhere " + (copy().parent_path() / "x").string()};
  const auto failure = Blame({module()}).from_report(report);
  EXPECT_EQ(failure.message, "kernel BUG at sub/driver.c:3!");
  EXPECT_THAT(failure.log, ElementsAre("sub/driver.c sub/driver.c",
                                       "elsewhere " + (copy().parent_path() / "x").string()));
}

TEST_F(BlameTest, QuotesOnlyALineThatIsThere) {
  const auto file = module().source / "driver.c";
  EXPECT_EQ(source_line(file, 1), "extern int sink(int);");
  EXPECT_EQ(source_line(file, 10), "}");
  for (const int none : {11, 0, -1}) EXPECT_EQ(source_line(file, none), "") << none;
  EXPECT_EQ(source_line("none.c", 1), "");
}

TEST_F(BlameTest, OfSeveralModulesTheInnermostFramesIsNamed) {
  auto other = module();
  other.name = "other_driver";
  const auto failure = Blame({other, module()}).from_report(oops(frame("dev_write", 1), {}));
  EXPECT_EQ(failure.file, "driver.c");
  auto theirs = frame("dev_write", 1);
  theirs.module = "other-driver";
  EXPECT_EQ(Blame({module(), other}).from_report(oops(theirs, {})).file, "driver.c");
}

}  // namespace
}  // namespace kobox
