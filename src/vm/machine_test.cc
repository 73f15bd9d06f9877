// SPDX-License-Identifier: GPL-2.0-or-later
// The machine against a fake QEMU (tests/fakes/fake_qemu.cc); the real one runs end to end.
#include "vm/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>

#include "base/interrupt.h"
#include "base/text.h"
#include "fakes/fake_qemu_scripts.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using Cause = MachineEnd::Cause;

MachineSpec some_spec(const fs::path& directory) {
  return {.kernel = "/cache/vmlinux",
          .initramfs = "/cache/guest.cpio",
          .command_line = "console=ttyS0 quiet rdinit=/init",
          .memory = std::uint64_t{256} << 20,
          .cpus = 1,
          .accel = Accel::tcg,
          .console_log = directory / "console.log",
          .agent_port = "org.kobox.agent.0"};
}

TEST(QemuCommand, UnderTcg) {
  EXPECT_EQ(qemu_command("/usr/bin/qemu-system-x86_64", some_spec("/run")).to_string(),
            "/usr/bin/qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none "
            "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
            "-machine "
            "q35,usb=off,sata=off,smbus=off,vmport=off,hpet=off,graphics=off,mem-merge=off,dump-"
            "guest-core=off "
            "-accel tcg,thread=multi -cpu max -smp 1 -m 256M "
            "-kernel /cache/vmlinux -initrd /cache/guest.cpio "
            "-append 'console=ttyS0 quiet rdinit=/init' "
            "-chardev socket,id=monitor,fd=3 -mon chardev=monitor,mode=control "
            "-chardev "
            "file,id=console,path=/proc/self/fd/5,append=on,logfile=/run/console.log,logappend=on "
            "-serial chardev:console -chardev socket,id=agent,fd=4 "
            "-device virtio-serial-pci,max_ports=2 "
            "-device virtserialport,chardev=agent,name=org.kobox.agent.0");
}

TEST(QemuCommand, ADiskIsLayersOfWhichTheLastIsWritten) {
  auto spec = some_spec("/run");
  EXPECT_THAT(qemu_command("qemu", spec).to_string(), Not(HasSubstr("-blockdev")));
  spec.disk = {10, 11, 12};
  const auto command = qemu_command("qemu", spec).to_string();
  EXPECT_THAT(command,
              HasSubstr("-blockdev driver=file,node-name=file0,filename=/proc/self/fd/7,"
                        "locking=off,read-only=on,cache.no-flush=on "
                        "-blockdev driver=qcow2,node-name=disk0,file=file0,read-only=on "));
  EXPECT_THAT(command, HasSubstr("node-name=disk1,file=file1,read-only=on,backing=disk0 "));
  EXPECT_THAT(command, HasSubstr("filename=/proc/self/fd/9,locking=off,read-only=off,"));
  EXPECT_THAT(command, HasSubstr("node-name=disk2,file=file2,read-only=off,backing=disk1 "
                                 "-device virtio-blk-pci,drive=disk2"));
}

TEST(QemuCommand, WithoutAKernelTheDisksLoaderIsStarted) {
  auto spec = some_spec("/run");
  spec.kernel.clear();
  spec.disk = {10, 11};
  const auto command = qemu_command("qemu", spec).to_string();
  for (const auto* option : {"-kernel", "-initrd", "-append"})
    EXPECT_THAT(command, Not(HasSubstr(option)));
}

TEST(QemuCommand, UnderKvm) {
  auto spec = some_spec("/run");
  spec.accel = Accel::kvm;
  spec.cpus = 4;
  spec.memory = std::uint64_t{2} << 30;
  const auto command = qemu_command("qemu", spec).to_string();
  EXPECT_THAT(command, HasSubstr("-accel kvm -cpu host -smp 4 -m 2048M "));
  EXPECT_THAT(command, Not(HasSubstr("tcg")));
}

TEST(QemuCommand, CommasInPathsAreDoubledOnlyWhereTheySeparate) {
  auto spec = some_spec("/state/a,b,,c");
  spec.kernel = "/cache/x,y/vmlinux";
  spec.initramfs = "/cache/x,y/guest.cpio";
  const auto argv = qemu_command("qemu", spec).argv;
  EXPECT_THAT(argv, ::testing::Contains(
                        "file,id=console,path=/proc/self/fd/5,append=on,logfile=/state/a,,b,,,,c/"
                        "console.log,logappend=on"));
  EXPECT_THAT(argv, ::testing::Contains("/cache/x,y/vmlinux"));
  EXPECT_THAT(argv, ::testing::Contains("/cache/x,y/guest.cpio"));
}

class MachineTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Machine>> start() {
    return Machine::start(
        loop_, some_spec(qemu_.directory()), [this](std::string_view text) { console_ += text; },
        [this](std::string_view bytes) { agent_ += bytes; });
  }
  // The end of a machine that starts and then goes on by its script.
  MachineEnd end_of(const std::string& steps) {
    qemu_.tcg_does(steps);
    auto machine = start();
    if (!machine) {
      ADD_FAILURE() << machine.error().to_string();
      return {};
    }
    wait_for([&] { return (*machine)->end().has_value(); });
    return (*machine)->end().value_or(MachineEnd{});
  }
  void wait_for(const std::function<bool()>& predicate) {
    const auto done = loop_.wait_until(predicate, Deadline::after(10s));
    ASSERT_TRUE(done) << done.error().to_string();
  }

  testing::FakeQemu qemu_;
  EventLoop loop_;
  std::string console_, agent_;
};

TEST_F(MachineTest, StartsAndItsStreamsArrive) {
  qemu_.tcg_does("greet;console Linux version 6.1;hello;hang");
  auto machine = start();
  ASSERT_TRUE(machine) << machine.error().to_string();
  wait_for([&] { return !agent_.empty() && console_.ends_with('\n'); });
  EXPECT_EQ(console_, "Linux version 6.1\r\n");
  EXPECT_FALSE((*machine)->end());
}

TEST_F(MachineTest, TheDestructorLeavesNoProcess) {
  qemu_.tcg_does("greet;hang");
  auto machine = start();
  ASSERT_TRUE(machine);
  const auto pid = (*machine)->pid();
  ASSERT_EQ(::kill(pid, 0), 0);
  machine->reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(MachineTest, QemuThatRefusesToStartIsQuoted) {
  qemu_.tcg_does("stderr qemu-system-x86_64: -cpu max: \x1b[31mno such thing;exit 1");
  const auto machine = start();
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().kind(), ErrorKind::environment);
  EXPECT_EQ(machine.error().to_string(),
            "QEMU did not start: QEMU exited with status 1: "
            "qemu-system-x86_64: -cpu max: \\x1b[31mno such thing");
}

TEST_F(MachineTest, QemuThatDiesInNegotiation) {
  qemu_.tcg_does("monitor {\"QMP\": {}};kill 15");
  const auto machine = start();
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().kind(), ErrorKind::environment);
  EXPECT_THAT(machine.error().to_string(), HasSubstr("was killed by signal 15"));
}

TEST_F(MachineTest, QemuThatRefusesNegotiation) {
  qemu_.tcg_does("refuse;hang");
  const auto machine = start();
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().kind(), ErrorKind::tool);
  EXPECT_THAT(machine.error().to_string(), HasSubstr("not to you"));
}

TEST_F(MachineTest, WithoutQemuThePackageIsNamed) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", qemu_.directory().c_str(), 1);
  const auto found = find_qemu(default_arch());
  const auto machine = start();
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind(), ErrorKind::environment);
  EXPECT_THAT(found.error().to_string(), HasSubstr("apt-get install qemu-system-x86"));
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().to_string(), found.error().to_string());
}

TEST_F(MachineTest, AQemuThatCannotBeExecuted) {
  const auto program = qemu_.directory() / "qemu-system-x86_64";
  ASSERT_TRUE(write_file(program, "#!/nonexistent/interpreter\n"));
  fs::permissions(program, fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", qemu_.directory().c_str(), 1);
  const auto machine = start();
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().kind(), ErrorKind::environment);
  EXPECT_THAT(machine.error().to_string(), HasSubstr(program.string()));
}

TEST_F(MachineTest, AnInterruptEndsTheStart) {
  qemu_.tcg_does("hang");
  interrupt();
  const auto machine = start();
  reset_interrupt_for_testing();
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().kind(), ErrorKind::interrupted);
}

TEST_F(MachineTest, EndKilledFromOutside) {
  const auto end = end_of("greet;kill 9");
  EXPECT_EQ(end.cause, Cause::killed);
  EXPECT_EQ(end.status.signal, 9);
  EXPECT_EQ(end.message, "QEMU was killed by signal 9 (Killed)");
}

TEST_F(MachineTest, EndPoweredOff) {
  const auto end = end_of("greet;shutdown guest-shutdown;exit 0");
  EXPECT_EQ(end.cause, Cause::powered_off);
  EXPECT_EQ(end.message, "the guest powered the machine off");
}

TEST_F(MachineTest, EndReset) {
  EXPECT_EQ(end_of("greet;shutdown guest-reset;exit 0").cause, Cause::reset);
  EXPECT_EQ(end_of("greet;shutdown guest-panic;exit 0").cause, Cause::reset);
}

TEST_F(MachineTest, EndByAHostsSignalThatQemuHandled) {
  EXPECT_EQ(end_of("greet;shutdown host-signal;exit 0").cause, Cause::killed);
}

TEST_F(MachineTest, EndWithoutAReason) {
  for (const char* steps : {"greet;exit 0", "greet;shutdown;exit 0", "greet;shutdown odd;exit 0"})
    EXPECT_EQ(end_of(steps).cause, Cause::failed) << steps;
  const auto end = end_of("greet;stderr KVM internal error. Suberror: 1;exit 1");
  EXPECT_EQ(end.cause, Cause::failed);
  EXPECT_EQ(end.message, "QEMU exited with status 1: KVM internal error. Suberror: 1");
}

TEST_F(MachineTest, AKillAfterTheGuestsShutdownIsStillAKill) {
  EXPECT_EQ(end_of("greet;shutdown guest-shutdown;kill 9").cause, Cause::killed);
}

TEST_F(MachineTest, TheLastWordsOfTheConsoleAreTaken) {
  // More than one read takes, less than a pipe holds.
  std::string steps = "greet";
  for (int i = 0; i < 8; ++i) steps += ";console " + std::string(7000, 'x');
  qemu_.tcg_does(steps + ";console Kernel panic - not syncing;shutdown guest-reset;exit 0");
  auto machine = start();
  ASSERT_TRUE(machine) << machine.error().to_string();
  // Nothing is read until it is gone, so that its end and its words arrive at once.
  siginfo_t info = {};
  const auto pid = static_cast<id_t>((*machine)->pid());
  ASSERT_EQ(::waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  wait_for([&] { return (*machine)->end().has_value(); });
  EXPECT_TRUE(console_.ends_with("Kernel panic - not syncing\r\n")) << console_.size();
  EXPECT_EQ((*machine)->end()->cause, Cause::reset);
}

TEST_F(MachineTest, WhatQemuSaysIsBounded) {
  std::string steps = "greet";
  for (int i = 0; i < 100; ++i) steps += ";stderr " + std::string(1000, 'x');
  const auto end = end_of(steps + ";exit 1");
  EXPECT_GT(end.message.size(), 10'000U);
  EXPECT_LT(end.message.size(), 20'000U);
}

}  // namespace
}  // namespace kobox
