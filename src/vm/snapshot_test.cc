// SPDX-License-Identifier: GPL-2.0-or-later
// Saving and waking against a fake QEMU (tests/fakes/fake_qemu.cc): its refusals and silences.
// The real one runs end to end.
#include "vm/snapshot.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "fakes/fake_qemu_scripts.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class SnapshotTest : public ::testing::Test {
 protected:
  std::unique_ptr<Machine> start(const std::string& steps) {
    qemu_.tcg_does(steps);
    auto machine = Machine::start(
        loop_,
        {.kernel = "vmlinux",
         .initramfs = "guest.cpio",
         .memory = std::uint64_t{256} << 20,
         .console_log = qemu_.directory() / "console.log",
         .memory_file = MemoryFile{memory_.get(), MemoryFile::Writes::kept}},
        [](std::string_view) {}, [](std::string_view) {});
    EXPECT_TRUE(machine) << machine.error().to_string();
    return std::move(*machine);
  }

  testing::FakeQemu qemu_;
  EventLoop loop_;
  Fd memory_ = make_memory_file("test").value();
  Fd state_ = make_memory_file("test").value();
};

TEST_F(SnapshotTest, SavesOnceTheMigrationIsComplete) {
  // stop, capabilities, getfd (with the descriptor, into which the fake writes), migrate.
  auto machine =
      start("greet;answer;answer;take-fd saved;answer;migration setup;migration completed;hang");
  const auto saved = save_state(loop_, *machine, state_, Deadline::after(10s));
  ASSERT_TRUE(saved) << saved.error().to_string();
  const auto state = reopen(state_, O_RDONLY);
  char bytes[6] = {};
  EXPECT_EQ(::read(state->get(), bytes, 5), 5);
  EXPECT_STREQ(bytes, "saved");
}

TEST_F(SnapshotTest, AFailedMigrationIsToldInQemusWords) {
  auto machine = start(
      "greet;answer;answer;take-fd x;answer;migration failed;"
      "answer {\"error-desc\":\"no space left\"};hang");
  const auto saved = save_state(loop_, *machine, state_, Deadline::after(10s));
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().kind(), ErrorKind::environment);
  EXPECT_THAT(saved.error().to_string(), HasSubstr("saving the machine"));
  EXPECT_THAT(saved.error().to_string(), HasSubstr("no space left"));
}

TEST_F(SnapshotTest, AQemuThatEndsInsteadOfWakingIsQuoted) {
  auto machine = start("greet;answer;take-fd x;answer;stderr load of migration failed;exit 1");
  const auto loaded = load_state(loop_, *machine, state_, Deadline::after(10s));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind(), ErrorKind::environment);
  EXPECT_THAT(loaded.error().to_string(), HasSubstr("load of migration failed"));
}

TEST_F(SnapshotTest, AMigrationThatNeverEndsIsATimeout) {
  auto machine = start("greet;answer;answer;take-fd x;answer;migration active;hang");
  const auto saved = save_state(loop_, *machine, state_, Deadline::after(200ms));
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().kind(), ErrorKind::timeout);
}

TEST_F(SnapshotTest, TheMemoryFileIsOnTheCommandLine) {
  MachineSpec spec{.memory = std::uint64_t{64} << 20,
                   .memory_file = MemoryFile{7, MemoryFile::Writes::discarded},
                   .start_from = StartFrom::saved_state};
  const auto command = qemu_command("qemu", spec).to_string();
  EXPECT_THAT(command, HasSubstr("memory-backend-file,id=memory,size=64M,"
                                 "mem-path=/proc/self/fd/6,share=off"));
  EXPECT_THAT(command, HasSubstr("-machine memory-backend=memory"));
  EXPECT_THAT(command, HasSubstr("-incoming defer"));
  spec.memory_file->writes = MemoryFile::Writes::kept;
  EXPECT_THAT(qemu_command("qemu", spec).to_string(), HasSubstr("share=on"));
}

}  // namespace
}  // namespace kobox
