// SPDX-License-Identifier: GPL-2.0-or-later
// The exercise's steps, typed into a terminal that tmux holds, in a Debian disk.
#include "tmux.h"

namespace kobox::e2e {
namespace {

TEST_F(TmuxTest, TheExerciseWordForWord) {
  open({"shell", (source_directory() / "modules/qemu_exercise").string(), "--guest", "disk",
        "--accel", "tcg"});
  ASSERT_TRUE(shows("user@kobox:~/qemu_exercise$", 240s)) << screen();
  EXPECT_THAT(type("ls"), HasSubstr("qemu_exercise.c"));
  const auto made = type("make", 240s);
  EXPECT_THAT(made, HasSubstr("CC [M]  /home/user/qemu_exercise/qemu_exercise.o")) << screen();
  EXPECT_THAT(made, HasSubstr("LD [M]  /home/user/qemu_exercise/qemu_exercise.ko"));
  EXPECT_EQ(type("sudo insmod qemu_exercise.ko"), "") << screen();
  EXPECT_THAT(type("ls -l /dev/qemu_exercise"), HasSubstr("crw-rw-rw-"));
  // The greeting has no newline: the prompt follows it.
  EXPECT_THAT(type("cat /dev/qemu_exercise"), HasSubstr("Hello from QEMU!"));
  EXPECT_EQ(type("echo \"Test message\" > /dev/qemu_exercise"), "") << screen();
  const auto log = type("dmesg | tail");
  for (const auto* line :
       {"QEMU Exercise: Initializing the module", "QEMU Exercise: device class created correctly",
        "QEMU Exercise: Device has been opened", "QEMU Exercise: Sent 16 characters to the user",
        "QEMU Exercise: Received 12 characters from the user: Test message",
        "QEMU Exercise: Device successfully closed"})
    EXPECT_THAT(log, HasSubstr(line)) << screen();
  EXPECT_EQ(type("sudo rmmod qemu_exercise"), "") << screen();
  EXPECT_THAT(type("dmesg | tail -1"), HasSubstr("QEMU Exercise: Goodbye from the LKM!"));
  send("exit");
  EXPECT_TRUE(machines_end_within(20s));
}

// As root too, who needs no sudo.
TEST_F(TmuxTest, RootHasTheSourcesToo) {
  open({"shell", (source_directory() / "modules/qemu_exercise").string(), "--guest", "disk",
        "--accel", "tcg", "--user", "root"});
  ASSERT_TRUE(shows("root@kobox:~/qemu_exercise#", 240s)) << screen();
  send("id -u; ls /root/qemu_exercise/Makefile");
  EXPECT_TRUE(shows("\n0\n/root/qemu_exercise/Makefile", 30s)) << screen();
  tmux({"send-keys", "C-]"});
  EXPECT_TRUE(machines_end_within(20s));
}

}  // namespace
}  // namespace kobox::e2e
