// SPDX-License-Identifier: GPL-2.0-or-later
#include "cluster/slurm_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "cluster/fake_slurm.h"
#include "report/render.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

class Notes : public NoProgress {
 public:
  void note(const std::string& sentence) override { text += sentence + "\n"; }
  std::string text;
};

class SlurmRunTest : public FakeSlurm {
 protected:
  SlurmRun run() const {
    return {.whole = {.module = "m", .selectors = {"6.1"}, .tests = {"t"}},
            .command = {"kobox", "test", "/a b"},
            .shards = {{{"6.1", "t"}}},
            .state = file("state")};
  }
  // What the first shard leaves.
  Report passed() const {
    auto report = run().whole;
    report.runs = {{.kernel = "6.1.0-1",
                    .tests = {{.name = "t", .verdict = Verdict::pass, .seconds = 1}},
                    .selector = "6.1"}};
    settle(report.runs[0]);
    settle(report);
    return report;
  }

  Notes notes_;
};

TEST_F(SlurmRunTest, TheJobHasTheCommandAndTheTimes) {
  program("sbatch", "for job; do :; done; cp \"$job\" " + file("job").string() + "; exit 1");
  auto one = run();
  ASSERT_FALSE(run_on_slurm(one, notes_));
  EXPECT_THAT(read_file(file("job")).value(),
              HasSubstr("exec kobox test '/a b' --shard \"$SLURM_ARRAY_TASK_ID/1\""));
  one.times = passed();
  ASSERT_FALSE(run_on_slurm(one, notes_));
  EXPECT_THAT(read_file(file("job")).value(),
              testing::ContainsRegex("exec kobox test '/a b' --times [^ ]*/times.json --shard"));
}

TEST_F(SlurmRunTest, AJobThatCannotBeCancelledIsNamed) {
  ASSERT_TRUE(write_file(file("report"), render_json(passed())));
  program("sbatch", "for job; do :; done; cp " + file("report").string() +
                        " \"${job%/*}/shard-1.json\"; echo 7");
  program("squeue", "echo '1|CANCELLED|n1|None'");
  program("scancel", "echo 'no controller' >&2; exit 1");
  interrupt();
  const auto report = run_on_slurm(run(), notes_);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->runs[0].verdict, Verdict::pass);
  EXPECT_THAT(notes_.text, HasSubstr("`scancel 7` ends it\n"));
  EXPECT_THAT(notes_.text, HasSubstr("job 7 may still run: `scancel 7` ends it: scancel exited "
                                     "with status 1: no controller\n"));
}

}  // namespace
}  // namespace kobox
