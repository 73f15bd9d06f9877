// SPDX-License-Identifier: GPL-2.0-or-later
// kobox trace under TCG, on real kernels.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "kobox_test.h"
#include "trace_report.h"

namespace kobox::e2e {
namespace {

const fs::path k_exercise = source_directory() / "modules/qemu_exercise";
const fs::path k_touch = source_directory() / "modules/qemu_touch";

class TraceTest : public KoboxTest {
 protected:
  Arguments trace(const fs::path& project, const Arguments& more,
                  const std::string& kernel = "6.1-cloud") const {
    Arguments arguments = {"trace", project.string(), "--kernel", kernel, "--accel", "tcg"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  nlohmann::json report(const fs::path& project, const std::string& command,
                        const std::string& kernel = "6.1-cloud", const Arguments& more = {}) {
    Arguments arguments = {"--run", command, "--format", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto done = run(trace(project, arguments, kernel));
    EXPECT_EQ(done.code(), 0) << done;
    EXPECT_THAT(machines(), IsEmpty());
    return done.report();
  }
};

class TraceOnKernelTest : public TraceTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kernels, TraceOnKernelTest, ::testing::ValuesIn(k_kernels),
                         [](const auto& one) { return name_of_parameter(one.param); });

TEST_P(TraceOnKernelTest, TheExercisesLogLinesGoToTheSerialPortThroughPrintk) {
  // On one processor: of a call that goes on on another the instructions are not known.
  const auto got = report(
      k_exercise, "taskset 1 sh -c 'echo \"Test message\" > /dev/qemu_exercise'", GetParam());
  for (const char* name : {"dev_open", "dev_write", "dev_release"}) {
    const auto function = function_in(got, name);
    ASSERT_TRUE(function.is_object()) << name << " in " << got.dump(1);
    EXPECT_EQ(function["calls"], 1) << name;
    EXPECT_EQ(function["returned"], 1) << name;
    EXPECT_EQ(function["own_accesses"], 0) << name;
    EXPECT_GT(function["instructions"], 100) << name;
  }
  EXPECT_TRUE(function_in(got, "dev_read").is_null());
  // Each character of the line is one write to the transmitter, CR and LF included; the line has
  // its time before it: "[    2.532446] ".
  const auto printed = [](std::string_view line) { return 15 + line.size() + 2; };
  const auto received =
      printed("QEMU Exercise: Received 12 characters from the user: Test message");
  const std::string kernel = GetParam();
  if (kernel == "7.3-cloud") {  // a kernel thread prints
    EXPECT_EQ(count_of(got, {{"space", "port"}, {"address", 0x3f8}, {"direction", "write"}}),
              received + printed("QEMU Exercise: Device has been opened") +
                  printed("QEMU Exercise: Device successfully closed"))
        << got.dump(1);
    // The thread is woken, for which the scheduler may set the interrupt controller's timer.
    EXPECT_EQ(count_of(got, {{"function", "dev_write"}}),
              count_of(got, {{"function", "dev_write"}, {"region", "apic-msi"}}))
        << got.dump(1);
    return;
  }
  EXPECT_EQ(count_of(got, {{"function", "dev_write"},
                           {"via", kernel == "5.10-cloud" ? "printk" : "_printk"},
                           {"space", "port"},
                           {"address", 0x3f8},
                           {"direction", "write"}}),
            received)
      << got.dump(1);
  EXPECT_EQ(count_of(got, {{"function", "dev_write"}}),
            function_in(got, "dev_write")["accesses"].get<std::uint64_t>());
}

TEST_P(TraceOnKernelTest, AModulesOwnAccessesAreCountedExactly) {
  const auto ports = report(k_touch, "echo port 5 > /dev/qemu_touch", GetParam());
  EXPECT_EQ(count_of(ports, {{"function", "touch_port"}, {"at", "touch_port"}}), 5U);
  EXPECT_EQ(count_of(ports, {{"region", "pci-testdev-portio"}, {"direction", "write"}}), 5U);
  EXPECT_EQ(function_in(ports, "touch_port")["own_accesses"], 5);
  // An interrupt may come while it is active, and writes to the interrupt controller's memory.
  EXPECT_EQ(count_of(ports, {{"function", "touch_write"}, {"space", "port"}}), 0U);

  const auto memory = report(k_touch, "echo memory 700 > /dev/qemu_touch", GetParam());
  EXPECT_EQ(count_of(memory, {{"function", "touch_memory"},
                              {"at", "touch_memory"},
                              {"region", "pci-testdev-mmio"},
                              {"direction", "read"}}),
            700U);
  EXPECT_EQ(count_of(memory, {{"region", "pci-testdev-mmio"}}), 700U);
}

TEST_F(TraceTest, ATestsCommandForPeople) {
  const auto done = run(trace(k_exercise, {"--test", "greets"}));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("dev_read"));
  EXPECT_THAT(done.output, HasSubstr("by dev_open through _printk"));
}

TEST_F(TraceTest, AnEventsFileIsLookedUpWhereItsNamesLive) {
  const auto events = directory_ / "events";
  spit(events, "# the exercise's\nkvm_exit\nkvm_entry\nserial_*\n");
  const auto done =
      run(trace(k_exercise, {"--run", "echo x > /dev/qemu_exercise", "--events", events.string()}));
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_THAT(done.output, HasSubstr("not recorded: kvm_entry, kvm_exit."));
  EXPECT_THAT(done.output, HasSubstr("TCG has no VM exits."));
  EXPECT_THAT(done.output, ContainsRegex("[1-9][0-9]+  serial_write"));

  spit(events, "kvm_exit\nserial_wirte\n");
  const auto unknown = run(trace(k_exercise, {"--run", "true", "--events", events.string()}));
  EXPECT_EQ(unknown.code(), 2) << unknown;
  EXPECT_THAT(unknown.error, HasSubstr("events:2: neither QEMU nor KVM has an event 'serial_wirte' "
                                       "(did you mean 'serial_write'?)"));
  spit(events, "");
  const auto empty = run(trace(k_exercise, {"--run", "true", "--events", events.string()}));
  EXPECT_EQ(empty.code(), 2) << empty;
  const auto missing = run(trace(k_exercise, {"--run", "true", "--events", "/nonexistent"}));
  EXPECT_EQ(missing.code(), 2) << missing;
  EXPECT_THAT(missing.error, HasSubstr("/nonexistent"));
}

TEST_F(TraceTest, AMachineThatDiesLeavesWhatWasRecorded) {
  const auto done =
      run(trace(k_exercise, {"--run", "echo x > /dev/qemu_exercise; echo c > /proc/sysrq-trigger",
                             "--format", "json"}));
  EXPECT_EQ(done.code(), 1) << done;
  const auto got = done.report();
  EXPECT_TRUE(got["trouble"].is_string()) << got;
  EXPECT_EQ(function_in(got, "dev_write")["calls"], 1) << got;
}

TEST_F(TraceTest, ACommandThatDoesNotEnd) {
  const auto done =
      run(trace(k_exercise, {"--run", "sleep 100", "--timeout", "1s", "--format", "json"}));
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(done.report()["trouble"].get<std::string>(), HasSubstr("did not end within 1.00 s"));
}

TEST_F(TraceTest, WithoutThePluginItSaysSo) {
  auto one = invocation(trace(k_exercise, {"--run", "true"}));
  one.environment.emplace_back("KOBOX_TRACE_PLUGIN", "/nonexistent.so");
  const auto done = run(one);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("/nonexistent.so"));
}

TEST_F(TraceTest, AQemuWithoutPluginsIsNamed) {
  const auto programs = directory_ / "programs";
  const auto qemu = programs / "qemu-system-x86_64";
  spit(
      qemu,
      "#!/bin/bash\n[[ \" $* \" != *' -plugin '* ]] || { echo \"$0: -plugin: invalid option\" >&2; "
      "exit 1; }\nexec /usr/bin/qemu-system-x86_64 \"$@\"\n");
  fs::permissions(qemu, fs::perms::owner_all);
  auto one = invocation(trace(k_exercise, {"--run", "true"}));
  one.environment.emplace_back("PATH", programs.string() + ":" + std::getenv("PATH"));
  const auto done = run(one);
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("this QEMU takes no plugins"));
}

TEST_F(TraceTest, BadCalls) {
  const auto nothing = run(trace(k_exercise, {}));
  EXPECT_EQ(nothing.code(), 2) << nothing;
  EXPECT_THAT(nothing.error, HasSubstr("give either --test NAME or --run COMMAND"));
  const auto format = run(trace(k_exercise, {"--run", "true", "--format", "xml"}));
  EXPECT_EQ(format.code(), 2) << format;
  EXPECT_THAT(format.error, HasSubstr("--format 'xml': use terminal, json, html or perfetto"));
}

}  // namespace
}  // namespace kobox::e2e
