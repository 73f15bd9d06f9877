// SPDX-License-Identifier: GPL-2.0-or-later
// Needs gcc and ld: the module is made here, as kbuild makes a .ko (relocatable, linked -r).
#include "lab/blame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child.h"
#include "base/files.h"
#include "base/text.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;

// Line 3 faults, in a function that is inlined; line 8 calls.
constexpr std::string_view k_source = R"(extern int sink(int);
static inline __attribute__((always_inline)) void store(int x) {
  *(volatile int *)8 = x;
}
int __attribute__((noinline)) dev_write(int x) { store(x); return sink(x) + 1; }
int __attribute__((noinline)) dev_ioctl(int x) {
  sink(x + 7);
  dev_write(x);
  return sink(x) + 2;
}
)";

class BlameTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir(TempDir::make(fs::temp_directory_path(), "kobox-blame-test").value());
    ASSERT_TRUE(write_file(copy() / "driver.c", k_source));
    ASSERT_TRUE(write_file(folder_->path() / "user/driver.c", k_source));
    run("gcc -g -O2 -fno-pie -fcf-protection=none -ffunction-sections -fno-ipa-ra -c -o driver.o " +
        (copy() / "driver.c").string());
    run("ld -r -o my-driver.ko driver.o");
  }
  static void TearDownTestSuite() { delete std::exchange(folder_, nullptr); }

  static std::string run(const std::string& command) {
    auto done =
        run_command({.argv = {"sh", "-c", command}, .cwd = folder_->path()}, {}, Streams::merged);
    EXPECT_TRUE(done && done->status.success()) << command << "\n" << (done ? done->output : "");
    return done ? done->output : "";
  }
  static fs::path copy() { return folder_->path() / "cache/builds/0123/src"; }
  static BuiltModule module() {
    return {.name = "my_driver",
            .ko = folder_->path() / "my-driver.ko",
            .source = folder_->path() / "user",
            .copy = copy()};
  }
  // Offsets of the instructions of a function that hold this text, by objdump; of those after
  // them too.
  static std::vector<std::uint64_t> offsets(const std::string& function, const std::string& text) {
    std::vector<std::uint64_t> found;
    bool after = false;
    const auto output = run("objdump -d --disassemble=" + function + " my-driver.ko");
    for (const auto line : lines_of(output)) {
      const auto colon = line.find(":\t");
      if (colon == std::string_view::npos) continue;
      const bool here = line.find(text) != std::string_view::npos;
      if (here || after)
        found.push_back(std::stoull(std::string(trim(line.substr(0, colon))), nullptr, 16));
      after = here;
    }
    EXPECT_FALSE(found.empty()) << output;
    return found.empty() ? std::vector<std::uint64_t>{0, 0} : found;
  }
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

  static inline TempDir* folder_ = nullptr;
};

TEST_F(BlameTest, TheFaultingInstructionItself) {
  const auto fault = offsets("dev_write", ",0x8").at(0);
  const auto failure = Blame(module()).from_report(
      oops(frame("dev_write", fault), {frame("dev_ioctl", offsets("dev_ioctl", "call").at(1))}));
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
  const auto failure = Blame(module()).from_report(oops(kernel, {frame("dev_ioctl", calls[1])}));
  EXPECT_EQ(failure.function, "dev_ioctl");
  EXPECT_EQ(failure.line, 7);
  EXPECT_EQ(failure.source, "sink(x + 7);");
}

TEST_F(BlameTest, AReportWithoutTheModuleBlamesNoLine) {
  auto other = frame("dev_write", 0);
  other.module = "ext4";
  const auto failure = Blame(module()).from_report(oops(other, {}));
  EXPECT_EQ(failure.function, "");
  EXPECT_EQ(failure.file, "");
  EXPECT_EQ(failure.line, 0);
}

TEST_F(BlameTest, AFunctionThatDwarfDoesNotKnowIsStillNamed) {
  const auto failure = Blame(module()).from_report(oops(frame("no_such", 4), {}));
  EXPECT_EQ(failure.function, "no_such");
  EXPECT_EQ(failure.file, "");
}

TEST_F(BlameTest, AModuleThatCannotBeReadOnlyLeavesThePlaceUnknown) {
  auto gone = module();
  gone.ko = "/nonexistent.ko";
  const auto failure = Blame(gone).from_report(oops(frame("dev_write", 1), {}));
  EXPECT_EQ(failure.function, "dev_write");
  EXPECT_EQ(failure.line, 0);
}

TEST_F(BlameTest, ThePrivateCopysPathIsTakenOff) {
  auto report = oops(std::nullopt, {});
  const auto path = (copy() / "sub/driver.c").string();
  report.title = "kernel BUG at " + path + ":3!";
  report.lines = {path + " " + path, "elsewhere " + (copy().parent_path() / "x").string()};
  const auto failure = Blame(module()).from_report(report);
  EXPECT_EQ(failure.message, "kernel BUG at sub/driver.c:3!");
  EXPECT_THAT(failure.log, ElementsAre("sub/driver.c sub/driver.c",
                                       "elsewhere " + (copy().parent_path() / "x").string()));
}

TEST_F(BlameTest, QuotesOnlyALineThatIsThere) {
  const Blame blame(module());
  const auto quoted = [&](const std::string& file, int line) {
    Failure failure{.file = file, .line = line};
    blame.quote_source(failure);
    return failure.source;
  };
  EXPECT_EQ(quoted("driver.c", 1), "extern int sink(int);");
  EXPECT_EQ(quoted("driver.c", 10), "}");
  EXPECT_EQ(quoted("driver.c", 11), "");
  EXPECT_EQ(quoted("driver.c", 0), "");
  EXPECT_EQ(quoted("driver.c", -1), "");
  EXPECT_EQ(quoted("none.c", 1), "");
  EXPECT_EQ(quoted("", 1), "");
}

}  // namespace
}  // namespace kobox
