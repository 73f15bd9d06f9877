// SPDX-License-Identifier: GPL-2.0-or-later
// Real children: sh, cat, sleep. Needs nothing but a POSIX system.
#include "base/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <csignal>

#include "base/files.h"
#include "base/interrupt.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(20s); }

bool is_alive(pid_t pid) {
  auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return stat && stat->find(") Z ") == std::string::npos;
}

TEST(RunCommand, KeepsOutputAndErrorApart) {
  auto done =
      run_command({.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}}, {.deadline = soon()});
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->output, "out\n");
  EXPECT_EQ(done->error, "err\n");
  EXPECT_EQ(done->status.code, 3);
  EXPECT_FALSE(done->status.success());
}

TEST(RunCommand, MergesInOrder) {
  auto done = run_command({.argv = {"sh", "-c", "echo 1; echo 2 >&2; echo 3"}},
                          {.deadline = soon()}, Streams::merged);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output, "1\n2\n3\n");
}

TEST(RunCommand, KeepsOnlySoMuchOfALargeOutputButReadsItAll) {
  auto done = run_command({.argv = {"sh", "-c", "head -c 5000000 /dev/zero; echo end >&2"}},
                          {.deadline = soon(), .max_output = 1000});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output.size(), 1000U);
  EXPECT_TRUE(done->truncated);
  EXPECT_EQ(done->error, "end\n");
}

TEST(RunCommand, NamesAMissingProgram) {
  auto done = run_command({.argv = {"kobox-no-such-program"}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::environment);
  EXPECT_THAT(done.error().to_string(), HasSubstr("kobox-no-such-program"));
}

TEST(RunCommand, ReportsAFileThatCannotBeExecuted) {
  auto directory = TempDir::make(fs::temp_directory_path(), "kobox-child-test");
  ASSERT_TRUE(directory);
  const auto script = directory->path() / "not-a-program";
  ASSERT_TRUE(write_file(script,
                         "\x7f"
                         "ELFgarbage"));
  ::chmod(script.c_str(), 0755);
  auto done = run_command({.argv = {script.string()}});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().to_string(), HasSubstr("Exec format error"));
}

TEST(RunCommand, EndsWhenItsCheckFails) {
  int asked = 0;
  const auto check = [&](pid_t pid) -> Result<> {
    EXPECT_EQ(::getpgid(pid), pid) << "the command's, which leads its group";
    if (++asked < 2) return {};
    return fail(ErrorKind::environment, "tea");
  };
  const auto done = run_command({.argv = {"sleep", "100"}}, {.deadline = soon(), .check = check});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().to_string(), "tea");
  EXPECT_EQ(asked, 2);
}

TEST(RunCommand, EndsTheWholeGroupAtTheDeadline) {
  auto pids = make_pipe();
  ASSERT_TRUE(pids);
  std::string seen;
  auto done = run_command({.argv = {"sh", "-c", "sleep 100 & echo $!; wait"}},
                          {.deadline = Deadline::after(300ms)}, Streams::separate,
                          [&](std::string_view bytes) { seen += bytes; });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::timeout);
  const pid_t grandchild = std::stoi(seen);
  for (int i = 0; i < 200 && is_alive(grandchild); ++i) ::usleep(10'000);
  EXPECT_FALSE(is_alive(grandchild));
}

TEST(RunCommand, WhatWasWrittenBeforeTheDeadlineIsTakenAfterIt) {
  // The sink is as late as a process that was stopped: the rest lies in the pipe meanwhile.
  const auto deadline = Deadline::after(1s);
  auto done = run_command({.argv = {"sh", "-c", "echo first; echo second; exit 3"}},
                          {.deadline = deadline}, Streams::separate, [&](std::string_view) {
                            while (!deadline.passed()) ::poll(nullptr, 0, deadline.poll_timeout());
                          });
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->output, "first\nsecond\n");
  EXPECT_EQ(done->status.code, 3);
}

TEST(RunCommand, AWriterWithoutEndDoesNotOutliveItsDeadline) {
  const auto done = run_command({.argv = {"cat", "/dev/zero"}},
                                {.deadline = Deadline::after(50ms), .max_output = 1000});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::timeout);
}

TEST(RunCommand, StopsOnInterrupt) {
  interrupt();
  auto done = run_command({.argv = {"sleep", "100"}}, {.deadline = soon()});
  reset_interrupt_for_testing();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::interrupted);
}

TEST(RunCommand, EnvironmentAndDirectory) {
  auto done = run_command({.argv = {"sh", "-c", "pwd; echo \"$KOBOX_X-${HOME-unset}\""},
                           .cwd = "/",
                           .environment = {{"KOBOX_X", "a b"}, {"HOME", ""}}},
                          {.deadline = soon()});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output, "/\na b-unset\n");
}

TEST(Child, GetsOnlyTheDescriptorsItIsGiven) {
  Fd leaked(::open("/dev/null", O_RDONLY));  // not close-on-exec on purpose: a library's
  auto pair = make_socket_pair();
  ASSERT_TRUE(pair);
  auto child = Child::spawn({.argv = {"sh", "-c", "read x <&7; [ \"$x\" = hello ]"}},
                            {.others = {{pair->second.get(), 7}}});
  ASSERT_TRUE(child);
  ASSERT_EQ(::write(pair->first.get(), "hello\n", 6), 6);
  auto status = child->wait(soon());
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success());
}

TEST(Child, TellsOfAFailureWhateverNumbersItsDescriptorsGet) {
  auto directory = TempDir::make(fs::temp_directory_path(), "kobox-child-test");
  ASSERT_TRUE(directory);
  const auto script = directory->path() / "script";
  ASSERT_TRUE(write_file(script, "#!/no/such/interpreter\n"));
  ::chmod(script.c_str(), 0755);
  // The pipe by which the child tells gets the next free numbers, which the child's own are too.
  auto pair = make_socket_pair();
  ASSERT_TRUE(pair);
  for (int number = 3; number < 20; ++number) {
    const auto child =
        Child::spawn({.argv = {script.string()}}, {.others = {{pair->second.get(), number}}});
    ASSERT_FALSE(child) << number;
    EXPECT_THAT(child.error().to_string(), HasSubstr("No such file")) << number;
  }
}

TEST(Child, WaitTimesOutAndTheChildGoesOn) {
  auto child = Child::spawn({.argv = {"sleep", "100"}}, {});
  ASSERT_TRUE(child);
  auto status = child->wait(Deadline::after(20ms));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind(), ErrorKind::timeout);
  EXPECT_FALSE(child->poll().has_value());
  child->signal_group(SIGTERM);
  status = child->wait(soon());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGTERM);
}

TEST(Child, DiesWithItsParentHoweverThatDies) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child = Child::spawn({.argv = {"sleep", "100"}}, {});
    const pid_t pid = child ? child->pid() : -1;
    [[maybe_unused]] auto wrote = ::write(pipe->second.get(), &pid, sizeof pid);
    ::kill(::getpid(), SIGKILL);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(pipe->first.get(), &grandchild, sizeof grandchild), ssize_t{sizeof grandchild});
  ::waitpid(parent, nullptr, 0);
  for (int i = 0; i < 500 && is_alive(grandchild); ++i) ::usleep(10'000);
  EXPECT_FALSE(is_alive(grandchild));
}

TEST(ExitStatus, SaysWhatHappened) {
  EXPECT_EQ((ExitStatus{.code = 2}).to_string(), "exited with status 2");
  EXPECT_THAT((ExitStatus{.code = 0, .signal = SIGKILL}).to_string(), HasSubstr("signal 9"));
}

}  // namespace
}  // namespace kobox
