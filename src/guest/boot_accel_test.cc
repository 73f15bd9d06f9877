// SPDX-License-Identifier: GPL-2.0-or-later
// Which accelerator a machine is booted under: the race of KVM and TCG, and what is remembered of
// it.
#include "fakes/boot_fixture.h"

namespace kobox {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST_F(BootTest, UnderTcgWhenAskedFor) {
  qemu_.tcg_does(k_boots);
  const auto guest = booted(AccelChoice::tcg);
  ASSERT_TRUE(guest.guest);
  EXPECT_EQ(guest.decision.accel, Accel::tcg);
  EXPECT_EQ(guest.guest->accel(), Accel::tcg);
  EXPECT_THAT(guest.decision.reason, HasSubstr("--accel tcg"));
  EXPECT_EQ(guest.guest->agent().release(), "6.1.0-fake");
  EXPECT_EQ(guest.guest->console().text(), "booting\r\n");
  EXPECT_EQ(guest.guest->console_log(), qemu_.directory() / "console.log");
}

TEST_F(BootTest, AKvmThatHangsLosesAndIsRemembered) {
  NEEDS_KVM;
  limit_ = 1s;
  qemu_.kvm_does(k_hangs);
  qemu_.tcg_does(k_works_and_boots);
  {
    const auto guest = booted(AccelChoice::automatic);
    ASSERT_TRUE(guest.guest);
    EXPECT_EQ(guest.decision.accel, Accel::tcg);
    EXPECT_THAT(guest.decision.reason, HasSubstr("/dev/kvm opens but does not boot this kernel"));
    EXPECT_EQ(guest.guest->console_log(), qemu_.directory() / "console.log");
  }
  EXPECT_EQ(qemu_.starts(), "kvm\ntcg\n");
  const auto again = booted(AccelChoice::automatic);
  EXPECT_EQ(again.decision.accel, Accel::tcg);
  EXPECT_THAT(again.decision.reason, HasSubstr("does not boot this kernel, found 20"));
  EXPECT_EQ(qemu_.starts(), "kvm\ntcg\ntcg\n") << "the second run must not try KVM again";
}

TEST_F(BootTest, AKvmThatArrivesAfterTcgIsTakenAllTheSame) {
  NEEDS_KVM;
  const auto tcg_was_first = with_fifo();
  qemu_.kvm_does("greet;await " + tcg_was_first + ";console booting;hello;hang");
  qemu_.tcg_does("greet;work 200;console booting;hello;signal " + tcg_was_first + ";hang");
  EXPECT_EQ(booted(AccelChoice::automatic).decision.accel, Accel::kvm);
  qemu_.kvm_does(k_boots);
  EXPECT_EQ(booted(AccelChoice::automatic).decision.accel, Accel::kvm);
}

TEST_F(BootTest, AKvmThatTakesMoreOfTheProcessorThanTcgMayStillBeAskedFor) {
  NEEDS_KVM;
  qemu_.kvm_does("greet;work 8000;hang");
  qemu_.tcg_does("greet;work 50;console booting;hello;hang");
  const auto guest = booted(AccelChoice::automatic);
  EXPECT_EQ(guest.decision.accel, Accel::tcg);
  EXPECT_THAT(guest.decision.reason, HasSubstr("in the processor time that TCG took, found 20"));
  EXPECT_EQ(booted(AccelChoice::automatic).decision.reason, guest.decision.reason);
  qemu_.kvm_does(k_boots);
  EXPECT_EQ(booted(AccelChoice::kvm).decision.accel, Accel::kvm);
}

TEST_F(BootTest, AKvmThatIsKilledProvesNothing) {
  NEEDS_KVM;
  qemu_.kvm_does("greet;kill 9");
  qemu_.tcg_does(k_boots);
  const auto guest = booted(AccelChoice::automatic);
  EXPECT_EQ(guest.decision.accel, Accel::tcg);
  EXPECT_THAT(guest.decision.reason, HasSubstr("QEMU was killed by signal 9"));
  EXPECT_FALSE(fs::exists(cache() / "accel.json"));
}

TEST_F(BootTest, ATcgThatEndsLeavesTheRaceToKvm) {
  NEEDS_KVM;
  const auto tcg_is_gone = with_fifo();
  qemu_.kvm_does("greet;await " + tcg_is_gone + ";console booting;hello;hang");
  for (const std::string end : {"kill 9", "exit 1", "refuse"}) {
    fs::remove(cache() / "accel.json");
    const std::string begins = end == "refuse" ? "" : "greet;";
    qemu_.tcg_does(begins + "signal " + tcg_is_gone + ";" + end);
    EXPECT_EQ(booted(AccelChoice::automatic).decision.accel, Accel::kvm) << end;
  }
}

TEST_F(BootTest, WhereNeitherStartsTheErrorIsSaid) {
  NEEDS_KVM;
  qemu_.kvm_does("stderr failed to initialize kvm;exit 1");
  qemu_.tcg_does("stderr cannot set up guest memory;exit 1");
  const auto outcome = boot(AccelChoice::automatic);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::environment);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("cannot set up guest memory"));
  EXPECT_FALSE(fs::exists(cache() / "accel.json"));
}

TEST_F(BootTest, AKvmThatBootsWinsAndIsRemembered) {
  NEEDS_KVM;
  qemu_.kvm_does(k_boots);
  qemu_.tcg_does(k_hangs);
  EXPECT_EQ(booted(AccelChoice::automatic).decision.accel, Accel::kvm);
  const auto again = booted(AccelChoice::automatic);
  EXPECT_EQ(again.decision.accel, Accel::kvm);
  EXPECT_THAT(again.decision.reason, HasSubstr("/dev/kvm boots this kernel"));
  EXPECT_THAT(qemu_.starts(), AnyOf("kvm\ntcg\nkvm\n", "tcg\nkvm\nkvm\n"));
}

TEST_F(BootTest, AKvmThatQemuCannotUseIsRemembered) {
  NEEDS_KVM;
  qemu_.kvm_does("stderr failed to initialize kvm;exit 1");
  qemu_.tcg_does(k_boots);
  const auto guest = booted(AccelChoice::automatic);
  EXPECT_EQ(guest.decision.accel, Accel::tcg);
  EXPECT_THAT(guest.decision.reason, HasSubstr("failed to initialize kvm"));
  booted(AccelChoice::automatic);
  EXPECT_EQ(qemu_.starts(), "kvm\ntcg\ntcg\n");
}

TEST_F(BootTest, AKvmThatDiesInTheRaceIsNamed) {
  NEEDS_KVM;
  qemu_.kvm_does("greet;stderr KVM internal error;exit 1");
  // The hello comes when the other is surely gone.
  qemu_.tcg_does("greet;hang");
  limit_ = 300ms;
  const auto failure = failed(AccelChoice::automatic);
  EXPECT_THAT(failure.message, HasSubstr("did not reach kobox's agent"));
  EXPECT_FALSE(fs::exists(cache() / "accel.json")) << "nothing was found out";
}

// The race of two machines is on a disk that goes away with them.
TEST_F(BootTest, ADiskThatIsKeptHasOneMachineAtATime) {
  NEEDS_KVM;
  qemu_.kvm_does("greet;disk;hang");
  qemu_.tcg_does("greet;disk;console booting;hello;hang");
  auto with_disk = spec();
  for (const auto* name : {"image", "overlay", "kept"})
    ASSERT_TRUE(write_file(qemu_.directory() / name, name));
  with_disk.disk = GuestDisk{.image = qemu_.directory() / "image",
                             .overlay = qemu_.directory() / "overlay",
                             .identity = "disk",
                             .kept_layer = qemu_.directory() / "kept"};
  const auto outcome = boot_guest(loop_, with_disk, AccelChoice::automatic, cache());
  ASSERT_TRUE(outcome);
  EXPECT_THAT(qemu_.starts(), AnyOf("kvm\ntcg\ntcg\n", "tcg\nkvm\ntcg\n"));
  const auto kept = (qemu_.directory() / "kept").string() + "\n";
  EXPECT_THAT(qemu_.disks(), ::testing::EndsWith(kept));
  EXPECT_EQ(qemu_.disks().find(kept), qemu_.disks().size() - kept.size()) << qemu_.disks();
}

TEST_F(BootTest, AnotherKernelIsTriedAnew) {
  NEEDS_KVM;
  qemu_.kvm_does(k_hangs);
  qemu_.tcg_does(k_boots);
  booted(AccelChoice::automatic);
  auto other = spec();
  other.kernel.identity = "another";
  ASSERT_TRUE(boot_guest(loop_, other, AccelChoice::automatic, cache()));
  EXPECT_EQ(qemu_.starts(), "kvm\ntcg\nkvm\ntcg\n");
}

TEST_F(BootTest, AskingForAKvmThatIsKnownNotToBoot) {
  NEEDS_KVM;
  limit_ = 1s;
  qemu_.kvm_does(k_hangs);
  qemu_.tcg_does(k_works_and_boots);
  booted(AccelChoice::automatic);
  const auto outcome = boot(AccelChoice::kvm);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::environment);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("does not boot this kernel"));
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("use --accel tcg"));
  EXPECT_EQ(qemu_.starts(), "kvm\ntcg\n");
}

TEST_F(BootTest, AskingForAKvmThatHangs) {
  NEEDS_KVM;
  limit_ = 200ms;
  qemu_.kvm_does(k_hangs);
  const auto failure = failed(AccelChoice::kvm);
  EXPECT_THAT(failure.message, HasSubstr("did not reach kobox's agent"));
  EXPECT_THAT(failure.message, HasSubstr("its console stayed silent"));
  EXPECT_THAT(failure.message, HasSubstr("try --accel tcg"));
  EXPECT_FALSE(failure.host_at_fault);
  const auto again = boot(AccelChoice::kvm);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().to_string(), HasSubstr("does not boot this kernel, found 20"));
  EXPECT_EQ(qemu_.starts(), "kvm\n");
}

TEST_F(BootTest, AskingForAKvmThatQemuCannotUse) {
  NEEDS_KVM;
  qemu_.kvm_does("stderr failed to initialize kvm;exit 1");
  const auto outcome = boot(AccelChoice::kvm);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::environment);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("failed to initialize kvm"));
}

}  // namespace
}  // namespace kobox
