// SPDX-License-Identifier: GPL-2.0-or-later
// kobox on a machine with a working KVM: what tests/kvm_testbed/session.sh did in the test bed is
// judged here. One case by hand:
//
//   tests/kvm_testbed/run KERNEL OUT build/bin/kobox trace …
#include <algorithm>

#include "kobox_test.h"
#include "trace_report.h"

namespace kobox::e2e {
namespace {

fs::path recorded(const std::string& name) {
  return fs::path(KOBOX_BUILD_DIR) / "kvm-testbed" / name;
}

struct Case {
  std::string name;
  int status = -1;
  std::string output, error;

  explicit Case(const std::string& of)
      : name(of), output(slurp(recorded(of + ".out"))), error(slurp(recorded(of + ".err"))) {
    const auto text = slurp(recorded(of + ".status"));
    if (!text.empty()) status = std::stoi(text);
  }
  nlohmann::json report() const {
    auto value = nlohmann::json::parse(output, nullptr, false);
    EXPECT_TRUE(value.is_object()) << *this;
    return value;
  }
  friend std::ostream& operator<<(std::ostream& stream, const Case& one) {
    return stream << one.name << " ended with " << one.status << ": " << one.output << one.error;
  }
};

// The write of the exercise, as exits: see the same under TCG in trace_test.cc.
void expect_the_exercise(const nlohmann::json& report) {
  EXPECT_EQ(report["accel"], "kvm");
  for (const char* name : {"dev_open", "dev_write", "dev_release"}) {
    const auto function = function_in(report, name);
    ASSERT_TRUE(function.is_object()) << name << " in " << report.dump(1);
    EXPECT_EQ(function["calls"], 1) << name;
    EXPECT_EQ(function["returned"], 1) << name;
    EXPECT_GT(function["exits_ns"], 0) << name;
    EXPECT_LT(function["exits_ns"], function["ns"]) << name;
  }
  const std::string line = "QEMU Exercise: Received 12 characters from the user: Test message";
  EXPECT_EQ(count_of(report, {{"function", "dev_write"},
                              {"via", "_printk"},
                              {"reason", "io"},
                              {"space", "port"},
                              {"address", 0x3f8},
                              {"region", "serial"},
                              {"direction", "write"}}),
            15 + line.size() + 2)
      << report.dump(1);
  EXPECT_EQ(count_of(report, {{"function", "dev_write"}, {"via", nullptr}, {"space", "port"}}), 0U);
}

TEST(KvmTest, AutoTakesKvmWhereItBootsTheKernel) {
  const Case got("auto");
  ASSERT_EQ(got.status, 0) << got;
  const auto run = got.report()["runs"][0];
  EXPECT_EQ(run["accel"], "kvm");
  EXPECT_THAT(run["accel_reason"].get<std::string>(), HasSubstr("/dev/kvm boots this kernel"));
  EXPECT_EQ(run["tests"].size(), 3U) << got;
  // A fork that does not resume in its time is noted, and its test run from a boot. That may happen
  // to one on a machine that is emulated beside other tests, not to all.
  EXPECT_FALSE(std::ranges::all_of(run["tests"], [](const auto& test) {
    return test.contains("note");
  })) << got;
}

TEST(KvmTest, AnOopsIsAnOopsInItsPlace) {
  const Case got("oops");
  ASSERT_EQ(got.status, 1) << got;
  const auto failure = failure_of(got.report());
  EXPECT_EQ(failure["kind"], "oops");
  EXPECT_EQ(failure["function"], "faulty_oops_store");
  EXPECT_EQ(failure["file"], "faulty_oops.c");
}

TEST(KvmTest, GdbStopsInTheModuleAndSteps) {
  const Case got("debug");
  EXPECT_EQ(got.status, 0) << got;
  EXPECT_THAT(got.output, ContainsRegex("hit Breakpoint 1, qemu_exercise_init \\(\\) at "
                                        "qemu_exercise.c:[0-9]+"))
      << got;
  EXPECT_THAT(got.output, ContainsRegex("#1 .* do_one_initcall")) << got;
  EXPECT_THAT(got.output, ContainsRegex("hit Breakpoint 2, dev_read \\(file=0x[0-9a-f]+, ")) << got;
  EXPECT_THAT(got.output, ContainsRegex("#1 .* vfs_read \\(\\)\n#2 .* ksys_read")) << got;
  EXPECT_THAT(got.output, ContainsRegex("sent = ")) << got;
}

TEST(KvmTest, AllOfTheExerciseHolds) {
  const Case got("exercise");
  EXPECT_EQ(got.status, 0) << got;
  for (const char* said :
       {"(kvm)", "a breakpoint in dev_read, called by vfs_read, ksys_read", "VM exits in",
        "write port 0x3f8 (serial)                    by dev_write through _printk",
        "all of the exercise holds"})
    EXPECT_THAT(got.output, HasSubstr(said)) << got;
}

TEST(KvmTest, ExitsAreTheFunctionsThatCausedThem) {
  const Case got("trace");
  ASSERT_EQ(got.status, 0) << got;
  const auto report = got.report();
  expect_the_exercise(report);
  EXPECT_EQ(report["lost"], 0);
  EXPECT_EQ(report["malformed"], 0);
  EXPECT_THAT(report["notes"], IsEmpty()) << report["notes"];
  std::uint64_t by_reason = 0, crossed = 0;
  for (const auto& row : report["reasons"]) {
    by_reason += row["count"].get<std::uint64_t>();
    EXPECT_LE(row["mean_ns"], row["max_ns"]);
    EXPECT_LE(row["p99_ns"], row["max_ns"]);
  }
  for (const auto& row : report["functions_and_reasons"])
    crossed += row["count"].get<std::uint64_t>();
  EXPECT_EQ(by_reason, report["exits"]);
  EXPECT_EQ(crossed, report["exits"]);
  EXPECT_EQ(report["timeline"]["exits"].size(), report["exits"]);
}

TEST(KvmTest, AModulesOwnExitsAreCountedExactly) {
  const auto report = Case("touch").report();
  EXPECT_EQ(count_of(report, {{"function", "touch_port"},
                              {"via", nullptr},
                              {"at", "touch_port"},
                              {"reason", "io"},
                              {"region", "pci-testdev-portio"},
                              {"direction", "write"}}),
            5U)
      << report.dump(1);
  EXPECT_EQ(count_of(report, {{"function", "touch_memory"},
                              {"via", nullptr},
                              {"at", "touch_memory"},
                              {"reason", "npf"},
                              {"region", "pci-testdev-mmio"},
                              {"direction", "read"}}),
            700U)
      << report.dump(1);
  EXPECT_EQ(count_of(report, {{"region", "pci-testdev-portio"}}), 5U);
  EXPECT_EQ(count_of(report, {{"region", "pci-testdev-mmio"}}), 700U);
}

TEST(KvmTest, TheExercisesEventsFileIsRecorded) {
  const auto report = Case("trace").report();
  EXPECT_EQ(report["events"]["kvm_exit"], report["exits"]);
  EXPECT_GT(report["events"]["kvm_entry"], 200);
  EXPECT_GT(report["events"]["serial_write"], 150);
  EXPECT_THAT(report["tracepoints_not_recorded"], IsEmpty());
}

TEST(KvmTest, LostEventsAreCountedAndSaid) {
  const Case got("overflow");
  EXPECT_EQ(got.status, 0) << got;
  EXPECT_GT(got.report()["lost"], 0);
}

TEST(KvmTest, AGuestThatDiesLeavesTheExits) {
  const Case got("dies");
  EXPECT_EQ(got.status, 1) << got;
  const auto report = got.report();
  EXPECT_TRUE(report["trouble"].is_string());
  EXPECT_GT(count_of(report, {{"space", "port"}, {"address", 0x3f8}}), 82U);
  EXPECT_THAT(report["notes"].dump(), HasSubstr("lost with the guest"));
}

TEST(KvmTest, AKilledKoboxsTracingIsTakenAwayByTheNext) {
  EXPECT_THAT(slurp(recorded("left_by_killed")), HasSubstr("kobox-"));
  const Case next("after_kill");
  EXPECT_EQ(next.status, 0) << next;
  EXPECT_EQ(slurp(recorded("left_at_end")), "");
}

TEST(KvmTest, WithoutTheHostsTracingQemusExitsAreTheLesserSource) {
  const Case got("unpermitted");
  ASSERT_EQ(got.status, 0) << got;
  const auto report = got.report();
  EXPECT_EQ(report["accel"], "kvm");
  EXPECT_THAT(report["notes"].dump(), HasSubstr("need write access to /sys/kernel/tracing"));
  EXPECT_THAT(report["source"].get<std::string>(), HasSubstr("kvm_run_exit"));
  EXPECT_GE(count_of(report, {{"reason", "IO"}, {"address", 0x3f8}, {"region", "serial"}}), 82U);
  EXPECT_THAT(report["functions"], IsEmpty());
}

}  // namespace
}  // namespace kobox::e2e
