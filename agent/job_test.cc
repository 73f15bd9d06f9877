// SPDX-License-Identifier: GPL-2.0-or-later
// Real commands on this host, as the agent runs them in the guest.
#include "job.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

namespace kobox::agent {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t k_kept = 1000;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class JobTest : public ::testing::Test {
 protected:
  JobTest() {
    int raw[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, raw) != 0) return;
    host_ = Fd(raw[0]);
    guest_ = Fd(raw[1]);
    port_.emplace(guest_.get());
  }
  static Job start(Job::Kind kind, const std::string& command) {
    std::optional<Job> job;
    EXPECT_EQ(Job::start({.id = 1, .kind = kind, .command = command, .max_output = k_kept}, job),
              0);
    return *std::move(job);
  }
  Json end_of(Job& job) {
    int status = 0;
    EXPECT_EQ(::waitpid(job.pid(), &status, 0), job.pid());
    job.on_end(status);
    return job.finish(*port_);
  }
  static std::string text(const Json& bytes) {
    return {bytes.get_binary().begin(), bytes.get_binary().end()};
  }

  Fd host_, guest_;
  std::optional<Port> port_;
};

TEST_F(JobTest, AStreamWithoutEndIsReadInBites) {
  Captured stream;
  stream.fd = Fd(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  stream.drain(k_kept, 100'000);
  EXPECT_EQ(stream.text.size(), k_kept);
  EXPECT_EQ(stream.dropped, 100'000 - k_kept);
}

TEST_F(JobTest, WritersWithoutEndHoldNobodyUp) {
  // One of them has left the group, and goes on when the command has ended.
  auto job =
      start(Job::Kind::captured, "setsid sh -c 'echo $$; exec yes' & yes >&2 & exec sleep 1000");
  while (job.out().dropped < 1'000'000 || job.err().dropped < 1'000'000) job.read_streams(*port_);
  EXPECT_FALSE(job.on_limit()) << "killed, and not given up yet";
  const auto reply = end_of(job);
  EXPECT_TRUE(reply["timed_out"]);
  EXPECT_EQ(reply["signal"], SIGKILL);
  EXPECT_EQ(text(reply["stdout"]).size(), k_kept);
  EXPECT_GT(reply["stdout_dropped"], 0);
  ::kill(-std::stoi(text(reply["stdout"])), SIGKILL);
}

TEST_F(JobTest, ALimitIsExtendedOnlyWhereThereIsOne) {
  std::optional<Job> job;
  ASSERT_EQ(Job::start({.command = "true", .timeout_ms = 1000}, job), 0);
  const auto limit = job->limit().value();
  job->extend_limit(std::chrono::hours(1));
  EXPECT_EQ(job->limit(), limit + std::chrono::hours(1));
  end_of(*job);
  auto endless = start(Job::Kind::captured, "true");
  endless.extend_limit(std::chrono::hours(1));
  EXPECT_FALSE(endless.limit());
  end_of(endless);
}

TEST_F(JobTest, WhatThePipesHoldAtTheEndIsInTheReply) {
  auto job = start(Job::Kind::captured, "head -c 60000 /dev/zero; echo said >&2; exit 3");
  const auto reply = end_of(job);
  EXPECT_EQ(reply["status"], 3);
  EXPECT_EQ(reply["stdout_dropped"], 60'000 - k_kept);
  EXPECT_EQ(text(reply["stderr"]), "said\n");
}

// In a process without 0, 1 and 2, the pipes get these numbers.
TEST_F(JobTest, DescriptorsThatHaveTheChildsNumbers) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int fd : {0, 1, 2}) ::close(fd);
    auto job = start(Job::Kind::captured, "echo out; echo err >&2");
    const auto reply = end_of(job);
    ::_exit(text(reply["stdout"]) == "out\n" && text(reply["stderr"]) == "err\n" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(JobTest, NoDescriptorIsLeftOfAJobNorOfOneThatCannotStart) {
  const auto before = open_descriptors();
  for (const auto kind : {Job::Kind::captured, Job::Kind::terminal, Job::Kind::call}) {
    std::optional<Job> job;
    ASSERT_EQ(Job::start({.kind = kind, .command = "true", .call = [] { return 0; }}, job), 0);
    end_of(*job);
    job.reset();
    EXPECT_EQ(open_descriptors(), before);
  }
  // With room for one, two, … descriptors only.
  rlimit old = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const Fd next(::fcntl(0, F_DUPFD_CLOEXEC, 0));
  for (rlim_t room = 0; room < 4; ++room) {
    for (const auto kind : {Job::Kind::captured, Job::Kind::terminal}) {
      const rlimit tight = {static_cast<rlim_t>(next.get()) + 1 + room, old.rlim_max};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
      std::optional<Job> job;
      const int error = Job::start({.kind = kind, .command = "true"}, job);
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
      if (error == 0) end_of(*job);
      EXPECT_EQ(room > 0 || error == EMFILE, true);
      job.reset();
      EXPECT_EQ(open_descriptors(), before + 1) << room;
    }
  }
}

TEST_F(JobTest, ACallsErrnoMayHaveMoreThanEightBits) {
  constexpr int k_eprobe_defer = 517;
  for (const std::size_t output : {std::size_t{0}, k_kept}) {
    std::optional<Job> job;
    ASSERT_EQ(
        Job::start(
            {.kind = Job::Kind::call, .call = [] { return k_eprobe_defer; }, .max_output = output},
            job),
        0);
    const auto reply = end_of(*job);
    EXPECT_EQ(reply["ok"], false);
    EXPECT_EQ(reply["errno"], k_eprobe_defer);
  }
}

TEST_F(JobTest, ACallThatSaysNothingFailed) {
  std::optional<Job> job;
  ASSERT_EQ(Job::start({.kind = Job::Kind::call, .call = []() -> int { ::_exit(3); }}, job), 0);
  EXPECT_EQ(end_of(*job)["errno"], EIO);
}

TEST_F(JobTest, ATerminalsLastWordsAreSentBeforeItsEnd) {
  auto job = start(Job::Kind::terminal, "head -c 3000 /dev/zero | tr '\\0' x");
  end_of(job);
  std::string sent(65536, '\0');
  const auto got = ::read(host_.get(), sent.data(), sent.size());
  ASSERT_GT(got, 0);
  EXPECT_THAT(sent, HasSubstr(std::string(3000, 'x')));
}

}  // namespace
}  // namespace kobox::agent
