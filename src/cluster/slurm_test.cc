// SPDX-License-Identifier: GPL-2.0-or-later
// What Slurm says, read. tests/e2e/slurm_test.cc runs it.
#include "cluster/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/fake_slurm.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Squeue, EachLineIsATask) {
  const auto tasks = parse_squeue("1|COMPLETED|n1|None\n2|PENDING||Resources\n").value();
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].index, 1);
  EXPECT_EQ(tasks[0].node, "n1");
  EXPECT_TRUE(has_ended(tasks[0]));
  EXPECT_EQ(tasks[1].reason, "Resources");
  EXPECT_FALSE(has_ended(tasks[1]));
  EXPECT_TRUE(parse_squeue("")->empty());
  EXPECT_EQ(parse_squeue("CLUSTER: east\n1|RUNNING|n1|None\n")->size(), 1U);
}

TEST(Squeue, WhatIsNoTaskIsRefused) {
  for (const char* text : {"N/A|RUNNING|n1|None", "1|RUNNING", "x", "|||", "-1|a|b|c",
                           "99999999999|a|b|c", "1|a|b|c|d"}) {
    const auto tasks = parse_squeue(text);
    ASSERT_FALSE(tasks) << text;
    EXPECT_EQ(tasks.error().kind(), ErrorKind::tool);
  }
  EXPECT_THAT(parse_squeue("\x1b[2J").error().message(), testing::Not(testing::HasSubstr("\x1b")));
}

TEST(Squeue, ATaskThatMayGoOnHasNotEnded) {
  for (const char* state : {"RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "SOMETHING_NEW"})
    EXPECT_FALSE(has_ended({.state = state})) << state;
  for (const char* state : {"NODE_FAIL", "FAILED", "CANCELLED", "OUT_OF_MEMORY", "TIMEOUT"})
    EXPECT_TRUE(has_ended({.state = state})) << state;
}

TEST(Sbatch, SaysTheNumberAndPerhapsTheCluster) {
  EXPECT_EQ(parse_sbatch("12\n")->number, "12");
  EXPECT_EQ(parse_sbatch("12\n")->cluster, "");
  EXPECT_EQ(parse_sbatch("12;east-2\n")->number, "12");
  EXPECT_EQ(parse_sbatch("12;east-2\n")->cluster, "east-2");
  for (const char* text : {"", "\n", "x", "1;", ";east", "1;a;b", "1;a/b", "1\n2", "1;a b"}) {
    const auto id = parse_sbatch(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().kind(), ErrorKind::tool) << text;
  }
}

class SlurmJobTest : public FakeSlurm {
 protected:
  Result<SlurmJob> submit(Duration limit = 60s) const {
    return SlurmJob::submit({.script = "job.sh", .name = "kobox-m", .log = "log", .limit = limit});
  }
};

TEST_F(SlurmJobTest, IsAskedForAndCancelledOnItsCluster) {
  program("sbatch", "echo '7;east'");
  program("squeue", "echo 'CLUSTER: east'; echo '1|RUNNING|n1|None'");
  auto job = submit().value();
  EXPECT_EQ(job.tasks(Deadline::never(), OnInterrupt::give_up)->size(), 1U);
  EXPECT_THAT(calls(), HasSubstr(" --clusters=east\n"));
  EXPECT_TRUE(job.cancel());
  EXPECT_THAT(calls(), HasSubstr("scancel --clusters=east 7\n"));
  EXPECT_EQ(job.cancel_command(), "scancel --clusters=east 7");
}

TEST_F(SlurmJobTest, ThatMayHaveBeenSubmittedCanBeFound) {
  program("sbatch", "exec sleep 600");
  const auto job = submit(100ms);
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().kind(), ErrorKind::timeout);
  EXPECT_THAT(job.error().message(), HasSubstr("`squeue --name kobox-m` shows it"));
}

TEST_F(SlurmJobTest, AnInterruptEndsTheQuestionButNotTheCancelling) {
  program("sbatch", "echo 7");
  program("squeue", "exec sleep 600");
  auto job = submit().value();
  interrupt();
  const auto tasks = job.tasks(Deadline::never(), OnInterrupt::give_up);
  ASSERT_FALSE(tasks);
  EXPECT_EQ(tasks.error().kind(), ErrorKind::interrupted);
  EXPECT_TRUE(job.cancel());
  EXPECT_THAT(calls(), HasSubstr("scancel 7\n"));
}

TEST_F(SlurmJobTest, ThatCannotBeCancelledIsAnError) {
  program("sbatch", "echo 7");
  program("scancel", "echo 'Unable to contact slurm controller' >&2; exit 1");
  auto job = submit().value();
  const auto cancelled = job.cancel();
  ASSERT_FALSE(cancelled);
  EXPECT_THAT(cancelled.error().message(), HasSubstr("Unable to contact slurm controller"));
  program("scancel", "echo 'Job/step already completing or completed' >&2; exit 1");
  EXPECT_TRUE(job.cancel());
}

TEST_F(SlurmJobTest, ThatCannotBeCancelledIsNotTriedAgainAtTheEnd) {
  program("sbatch", "echo 7");
  program("scancel", "exit 1");
  {
    auto job = submit().value();
    EXPECT_FALSE(job.cancel());
  }
  const auto all = calls();
  EXPECT_EQ(all.find("scancel"), all.rfind("scancel")) << all;
}

}  // namespace
}  // namespace kobox
