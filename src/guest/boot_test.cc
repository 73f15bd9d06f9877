// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of a boot: machines that do not arrive, die, or speak of something else.
#include <signal.h>

#include "base/interrupt.h"
#include "fakes/boot_fixture.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

TEST_F(BootTest, AKernelThatDoesNotArrive) {
  limit_ = 200ms;
  qemu_.tcg_does("greet;console VFS: Unable to mount root fs;hang");
  const auto failure = failed(AccelChoice::tcg);
  EXPECT_THAT(failure.message, HasSubstr("did not reach kobox's agent within its boot limit"));
  EXPECT_EQ(failure.console, "VFS: Unable to mount root fs\r\n");
  EXPECT_FALSE(failure.host_at_fault);
}

TEST_F(BootTest, WhatIsSaidOfOneThatDoesNotArrive) {
  limit_ = 200ms;
  const std::string registers = R"(answer "CPU#0\nRIP=ffffffff81a17a0b RFL=00000246 HLT=1\n)"
                                R"(CPU#1\nEIP=0000fff0 EFL=00000002 HLT=0\n")";
  qemu_.tcg_does("greet;console [    0.123456] tea;" + registers + ";hang");
  EXPECT_THAT(
      failed(AccelChoice::tcg).message,
      HasSubstr("; CPU 0 is halted in 0xffffffff81a17a0b, CPU 1 is in the firmware at 0xfff0"));
  EXPECT_EQ(qemu_.starts(), "tcg\n") << "a kernel that speaks is not the emulator's fault";
}

TEST_F(BootTest, OneThatStandsStillWithoutAWordIsBegunAnew) {
  limit_ = 500ms;
  qemu_.tcg_does(std::string("greet;console SeaBIOS;hang|") + k_boots);
  const auto guest = booted(AccelChoice::tcg);
  ASSERT_TRUE(guest.guest);
  EXPECT_THAT(guest.decision.reason, HasSubstr("asked for with --accel tcg; a first boot hung: "
                                               "the kernel did not reach"));
  EXPECT_EQ(guest.guest->console().text(), "booting\r\n");
  EXPECT_EQ(qemu_.starts(), "tcg\ntcg\n");
}

TEST_F(BootTest, OneThatStandsStillTwiceIsAFailure) {
  limit_ = 200ms;
  qemu_.tcg_does(k_hangs);
  EXPECT_THAT(failed(AccelChoice::tcg).message, HasSubstr("did not reach kobox's agent"));
  EXPECT_EQ(qemu_.starts(), "tcg\ntcg\n");
  const auto kernels = qemu_.kernels();
  EXPECT_THAT(lines_of(kernels),
              ::testing::ElementsAre(HasSubstr(" quiet "), HasSubstr("earlyprintk=serial")));
}

// How a kernel with KASAN ends under PVH.
constexpr const char* k_dies = "greet;console SeaBIOS;shutdown guest-reset;exit 0";

MATCHER_P(Boots, kernel, "") {
  return std::string_view(arg).starts_with(kernel + std::string(" "));
}
MATCHER(IsQuiet, "") { return std::string_view(arg).find(" quiet ") != std::string_view::npos; }

TEST_F(BootTest, OneThatDiesByPvhIsBootedByItsBzImageAndThatIsRemembered) {
  using ::testing::ElementsAre;
  pvh_ = true;
  qemu_.tcg_does(std::string(k_dies) + "|" + k_boots);
  {
    const auto guest = booted(AccelChoice::tcg);
    ASSERT_TRUE(guest.guest);
    EXPECT_THAT(guest.decision.reason, HasSubstr("by its bzImage"));
    EXPECT_FALSE(guest.guest->spec().kernel.pvh);
  }
  const auto kernels = qemu_.kernels();
  EXPECT_THAT(lines_of(kernels), ElementsAre(Boots("/x"), Boots("/v")));
  EXPECT_EQ(booted(AccelChoice::tcg).decision.reason, "asked for with --accel tcg");
  const auto again = qemu_.kernels();
  EXPECT_THAT(lines_of(again), ElementsAre(Boots("/x"), Boots("/v"), Boots("/v")));
}

TEST_F(BootTest, OneThatSpeaksBeforeItDiesHasHadItsBoot) {
  pvh_ = true;
  qemu_.tcg_does("greet;console [    0.100000] Kernel panic;shutdown guest-reset;exit 0");
  EXPECT_EQ(failed(AccelChoice::tcg).message,
            "the machine ended while it booted: the machine was reset from inside");
  EXPECT_EQ(qemu_.starts(), "tcg\n");
  EXPECT_FALSE(fs::exists(cache() / "boot.json"));
}

TEST_F(BootTest, OneThatDiesInSilenceIsAskedToSpeak) {
  using ::testing::AllOf;
  using ::testing::ElementsAre;
  using ::testing::Not;
  pvh_ = true;
  qemu_.tcg_does(std::string(k_dies) + "|" + k_dies +
                 "|greet;console early console in setup code;console no memory;"
                 "shutdown guest-reset;exit 0");
  const auto failure = failed(AccelChoice::tcg);
  EXPECT_THAT(failure.message,
              HasSubstr("; the first boot said nothing, the console is that of a second one with "
                        "earlyprintk=serial"));
  EXPECT_THAT(failure.console, HasSubstr("no memory"));
  EXPECT_FALSE(failure.host_at_fault);
  const auto kernels = qemu_.kernels();
  EXPECT_THAT(lines_of(kernels),
              ElementsAre(AllOf(Boots("/x"), IsQuiet()), AllOf(Boots("/v"), IsQuiet()),
                          AllOf(Boots("/v"), Not(IsQuiet()), HasSubstr("earlyprintk="))));
  EXPECT_FALSE(fs::exists(cache() / "boot.json"));
}

TEST_F(BootTest, OneThatNeverSpeaksIsAFailureThatSaysSo) {
  qemu_.tcg_does(k_dies);
  EXPECT_THAT(failed(AccelChoice::tcg).message,
              HasSubstr("reset from inside; it said nothing, not even with earlyprintk=serial"));
  EXPECT_EQ(qemu_.starts(), "tcg\ntcg\n");
}

TEST_F(BootTest, UnderKvmToo) {
  NEEDS_KVM;
  pvh_ = true;
  qemu_.kvm_does(std::string(k_dies) + "|" + k_boots);
  const auto guest = booted(AccelChoice::kvm);
  ASSERT_TRUE(guest.guest);
  EXPECT_FALSE(guest.guest->spec().kernel.pvh);
  EXPECT_EQ(qemu_.starts(), "kvm\nkvm\n");
}

TEST_F(BootTest, AFullHostDiskIsTheHostsFaultAtOnce) {
  qemu_.tcg_does(R"(greet;monitor {"event": "BLOCK_IO_ERROR", "data": {"action": "stop"}};hang)");
  auto with_disk = spec();
  for (const auto* name : {"image", "overlay"})
    ASSERT_TRUE(write_file(qemu_.directory() / name, name));
  with_disk.disk = GuestDisk{.image = qemu_.directory() / "image",
                             .overlay = qemu_.directory() / "overlay",
                             .identity = "disk"};
  const auto outcome = boot_guest(loop_, with_disk, AccelChoice::tcg, cache());
  ASSERT_TRUE(outcome);
  const auto& failure = std::get<BootFailure>(*outcome);
  EXPECT_TRUE(failure.host_at_fault);
  EXPECT_THAT(failure.message, HasSubstr("no space left on this host"));
}

// Saved, and gone on with in a second QEMU.
constexpr const char* k_saves =
    "answer;answer;take-fd the-state;answer;migration completed;hang";  // stop, …, migrate
constexpr const char* k_goes_on =
    "greet;answer;take-fd;answer;migration completed;answer;hang";  // …, migrate-incoming, cont

TEST_F(BootTest, SeveralProcessorsTakeTurnsUntilTheAgentSpeaks) {
  qemu_.tcg_does(std::string("greet;console booting;hello;") + k_saves + "|" + k_goes_on);
  auto several = spec();
  several.cpus = 2;
  const auto outcome = boot_guest(loop_, several, AccelChoice::tcg, cache());
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  const auto& guest = *std::get<BootedGuest>(*outcome).guest;
  EXPECT_EQ(qemu_.accels(), "tcg,thread=single\ntcg,thread=multi\n");
  EXPECT_TRUE(guest.restored());
  EXPECT_EQ(guest.console().text(), "booting\r\n");
}

TEST_F(BootTest, TheyGoOnTakingTurnsWhereTheMachineCannotBeSaved) {
  qemu_.tcg_does(
      "greet;hello;answer;answer;take-fd the-state;error it has a device that cannot;answer;hang");
  auto several = spec();
  several.cpus = 2;
  const auto outcome = boot_guest(loop_, several, AccelChoice::tcg, cache());
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(qemu_.accels(), "tcg,thread=single\n");
  EXPECT_THAT(std::get<BootedGuest>(*outcome).decision.reason, HasSubstr("take turns"));
}

// QEMU from 10.0 on tells a plugin the wrong processor then (plugin/trace.cc).
TEST_F(BootTest, ATraceOfProcessorsThatTakeTurnsIsRefused) {
  qemu_.tcg_does(
      "greet;hello;answer;answer;take-fd the-state;error it has a device that cannot;answer;hang");
  auto several = spec();
  several.cpus = 2;
  several.tracing = Tracing{.log = cache() / "log", .plugin = "/plugin", .control = "/control"};
  const auto outcome = boot_guest(loop_, several, AccelChoice::tcg, cache());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::environment);
  EXPECT_THAT(outcome.error().message(), HasSubstr("set cpus = 1"));
}

TEST_F(BootTest, OneProcessorBootsAsItGoesOn) {
  qemu_.tcg_does(k_boots);
  EXPECT_FALSE(booted(AccelChoice::tcg).guest->restored());
  EXPECT_EQ(qemu_.accels(), "tcg,thread=multi\n");
}

TEST_F(BootTest, AKernelThatResetsIsNotTheHostsFault) {
  qemu_.tcg_does("greet;console Kernel panic;shutdown guest-reset;exit 0");
  const auto failure = failed(AccelChoice::tcg);
  EXPECT_EQ(failure.message,
            "the machine ended while it booted: the machine was reset from inside");
  EXPECT_EQ(failure.console, "Kernel panic\r\n");
  EXPECT_FALSE(failure.host_at_fault);
}

TEST_F(BootTest, AQemuThatIsKilledIsTheHostsFault) {
  qemu_.tcg_does("greet;kill 9");
  EXPECT_TRUE(failed(AccelChoice::tcg).host_at_fault);
  qemu_.tcg_does("greet;stderr out of memory;exit 1");
  EXPECT_TRUE(failed(AccelChoice::tcg).host_at_fault);
}

TEST_F(BootTest, AnAgentOfAnotherVersion) {
  qemu_.tcg_does("greet;hello 99;hang");
  EXPECT_THAT(failed(AccelChoice::tcg).message, HasSubstr("speaks protocol 99"));
}

TEST_F(BootTest, AnInterruptIsAnError) {
  qemu_.tcg_does(k_hangs);
  interrupt();
  const auto outcome = boot(AccelChoice::tcg);
  reset_interrupt_for_testing();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::interrupted);
}

TEST_F(BootTest, WaitsForTheGuestEndWithTheMachine) {
  qemu_.tcg_does("greet;hello;exit 0");
  const auto guest = booted(AccelChoice::tcg);
  ASSERT_TRUE(guest.guest);
  const auto reply = guest.guest->agent().run({.command = "true"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind(), ErrorKind::tool);
  EXPECT_THAT(reply.error().to_string(), HasSubstr("QEMU exited with status 0"));
  EXPECT_TRUE(guest.guest->watch_for(10s)) << "an end is no error, and not waited beyond";
}

TEST_F(BootTest, WaitsEndWhenTheyHaveBecomePointless) {
  qemu_.tcg_does(k_boots);
  const auto guest = booted(AccelChoice::tcg);
  ASSERT_TRUE(guest.guest);
  guest.guest->give_up_when([] { return true; });
  const auto waited = guest.guest->wait_until([] { return false; }, Deadline::after(10s));
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.error().to_string(), HasSubstr("given up"));
  EXPECT_TRUE(guest.guest->wait_until([] { return true; }, Deadline::after(10s)));
}

TEST_F(BootTest, MachineOfASpec) {
  auto with_pvh = spec();
  with_pvh.kernel.vmlinux = "/x";
  EXPECT_EQ(machine_spec(with_pvh, Accel::tcg).kernel, "/v");
  with_pvh.kernel.pvh = true;
  EXPECT_EQ(machine_spec(with_pvh, Accel::tcg).kernel, "/x");
  EXPECT_THAT(machine_spec(with_pvh, Accel::tcg).command_line, HasSubstr("rdinit=/init"));
  EXPECT_THAT(machine_spec(with_pvh, Accel::tcg).command_line, HasSubstr("no_timer_check"));
  EXPECT_THAT(machine_spec(with_pvh, Accel::kvm).command_line,
              ::testing::Not(HasSubstr("no_timer_check")));
  EXPECT_EQ(machine_spec(with_pvh, Accel::kvm).agent_port, wire::k_port_name);
}

}  // namespace
}  // namespace kobox
