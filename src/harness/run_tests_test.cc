// SPDX-License-Identifier: GPL-2.0-or-later
// A whole run over several kernels, on a fake QEMU: the report that is never lost, and how many
// machines live at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

#include "base/interrupt.h"
#include "fakes/fake_project.h"
#include "harness/test_run.h"

namespace kobox {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::serves;

// What the observer heard, as it heard it. Calls come one at a time.
class Listener : public TestObserver {
 public:
  void run_started(std::size_t run, const RunResult& so_far) override {
    heard.push_back(fmt::format("{} started {}", run, so_far.kernel));
  }
  void test_done(std::size_t run, const TestResult& test) override {
    heard.push_back(fmt::format("{} {} {}", run, test.name, to_string(test.verdict)));
    if (on_test) on_test(test);
  }
  void run_done(std::size_t run, const RunResult& result) override {
    heard.push_back(fmt::format("{} done {}", run, to_string(result.verdict)));
  }
  std::vector<std::string> heard;
  std::function<void(const TestResult&)> on_test;
};

class RunTestsTest : public testing::FakeProject, public KernelSource {
 protected:
  ~RunTestsTest() override { reset_interrupt_for_testing(); }

  // Kernels are there but for what `find` and `prepare` say of their selectors.
  Result<Kernel> find(const std::string& selector) override {
    if (const auto found = missing_.find(selector); found != missing_.end())
      return std::unexpected(found->second);
    return prepared(selector + "-fake").kernel;
  }
  Result<PrepareOutcome> prepare(const Kernel& kernel, const std::string& selector,
                                 const std::vector<TestSpec>&) override {
    if (selector == throws_at_) throw std::bad_alloc();
    if (selector == broken_) return Failure{.kind = FailureKind::build, .message = "no such type"};
    auto ready = prepared(kernel.release);
    for (const auto& name : more_modules_) {
      ready.modules.push_back(ready.modules.front());
      ready.modules.back().name = name;
    }
    return ready;
  }

  std::vector<std::string> more_modules_;

  Result<Report> run(std::vector<std::string> selectors) {
    TestOptions options;
    options.lab.cache = cache();
    options.lab.state = state();
    options.project = project_;
    options.selectors = std::move(selectors);
    options.accel = AccelChoice::tcg;
    options.jobs = jobs_;
    options.isolation = isolation_;
    options.command = "kobox test DIR";
    options.shard = shard_;
    options.filter = filter_;
    NoProgress progress;
    return run_tests(options, progress, listener_, *this, room_);
  }
  Report report(std::vector<std::string> selectors) {
    auto got = run(std::move(selectors));
    if (got) return std::move(*got);
    ADD_FAILURE() << got.error().to_string();
    return {};
  }
  static std::vector<std::string> verdicts(const RunResult& run) {
    std::vector<std::string> all;
    for (const auto& test : run.tests) all.emplace_back(to_string(test.verdict));
    return all;
  }
  // As much memory as so many machines take.
  void room_for(std::uint64_t machines) {
    room_.memory = machines * (machine_memory(project_) + (std::uint64_t{64} << 20)) * 4 / 3 + 8;
  }

  std::map<std::string, Error> missing_;
  std::string throws_at_;
  Shard shard_ = {};
  std::string filter_;
  std::string broken_;
  int jobs_ = 2;
  Isolation isolation_ = Isolation::forked;
  HostRoom room_ = {.cores = 2, .memory = std::uint64_t{1} << 40, .descriptors = 10'000};
  Listener listener_;
};

TEST_F(RunTestsTest, AShardRunsItsPartAndSaysWhatTheWholeIs) {
  for (const auto* name : {"a", "b", "c", "d"}) add_test(name);
  shard_ = {2, 4};
  const auto got = report({"6.1-cloud", "6.12-cloud"});
  ASSERT_EQ(got.runs.size(), 1U);
  EXPECT_EQ(got.runs[0].selector, "6.1-cloud");
  ASSERT_EQ(got.runs[0].tests.size(), 2U);
  EXPECT_EQ(got.runs[0].tests[0].name, "c");
  EXPECT_THAT(got.selectors, ElementsAre("6.1-cloud", "6.12-cloud"));
  EXPECT_THAT(got.tests, ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(got.shard, (Shard{2, 4}));
}

TEST_F(RunTestsTest, AShardWithNothingToDoIsNoPass) {
  add_test("a");
  shard_ = {1, 4};
  const auto got = report({"6.1-cloud"});
  EXPECT_EQ(got.verdict, Verdict::skip);
  EXPECT_EQ(got.runs.size(), 0U);
  EXPECT_EQ(got.shard, (Shard{1, 4}));
}

TEST_F(RunTestsTest, WithoutKoboxTomlEachModuleIsATest) {
  project_.has_file = false;
  add_test("loads and unloads", "");
  more_modules_ = {"other", "third"};
  const auto got = report({"6.1-cloud"});
  EXPECT_EQ(got.verdict, Verdict::pass);
  ASSERT_EQ(got.runs.size(), 1U);
  EXPECT_THAT(got.runs[0].modules, ElementsAre("some", "other", "third"));
  ASSERT_EQ(got.runs[0].tests.size(), 3U);
  EXPECT_EQ(got.runs[0].tests[1].name, "other");
  EXPECT_THAT(got.tests, ElementsAre("some", "other", "third"));
  // With one, all modules are loaded for each test.
  project_.has_file = true;
  EXPECT_EQ(report({"6.1-cloud"}).runs[0].tests.size(), 1U);
}

TEST_F(RunTestsTest, WithoutKoboxTomlTheFilterIsForModules) {
  project_.has_file = false;
  add_test("loads and unloads", "");
  more_modules_ = {"other", "third"};
  filter_ = "^other$";
  const auto got = report({"6.1-cloud"});
  ASSERT_EQ(got.runs.at(0).tests.size(), 1U);
  EXPECT_EQ(got.runs[0].tests[0].name, "other");
  EXPECT_THAT(got.tests, ElementsAre("other"));
  filter_ = "nothing";
  const auto refused = run({"6.1-cloud"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  EXPECT_THAT(refused.error().message(), HasSubstr("third"));
}

TEST_F(RunTestsTest, EveryTestOnEveryKernelInItsOrder) {
  for (const auto* name : {"a", "b", "c", "d"}) add_test(name);
  const auto got = report({"6.1-cloud", "6.12-cloud"});
  EXPECT_EQ(got.verdict, Verdict::pass);
  EXPECT_EQ(got.module, "some");
  EXPECT_FALSE(got.interrupted);
  ASSERT_EQ(got.runs.size(), 2U);
  for (const auto& one : got.runs) {
    EXPECT_THAT(verdicts(one), ElementsAre("pass", "pass", "pass", "pass"));
    EXPECT_EQ(one.accel, "tcg");
  }
  EXPECT_EQ(got.runs[1].kernel, "6.12-cloud-fake");
  std::vector<std::string> first;
  for (const auto& line : listener_.heard)
    if (line.starts_with("0 ")) first.push_back(line);
  EXPECT_THAT(first, ElementsAre("0 started 6.1-cloud-fake", "0 a pass", "0 b pass", "0 c pass",
                                 "0 d pass", "0 done pass"));
}

TEST_F(RunTestsTest, AKernelThatCannotBeHadLeavesTheOthersTheirs) {
  add_test("a");
  add_test("b");
  missing_.emplace("6.1", Error(ErrorKind::environment, "no network"));
  const auto got = report({"6.1-cloud", "6.1", "6.12-cloud"});
  ASSERT_EQ(got.runs.size(), 3U);
  EXPECT_THAT(verdicts(got.runs[0]), ElementsAre("pass", "pass"));
  EXPECT_THAT(verdicts(got.runs[2]), ElementsAre("pass", "pass"));
  const auto& failed = got.runs[1];
  EXPECT_EQ(failed.kernel, "6.1") << "the selector, since nothing else is known";
  EXPECT_EQ(failed.verdict, Verdict::error);
  ASSERT_TRUE(failed.failure);
  EXPECT_EQ(failed.failure->kind, FailureKind::environment);
  EXPECT_EQ(failed.failure->message, "no network");
  EXPECT_EQ(failed.failure->reproduce, "kobox test DIR --kernel 6.1");
  EXPECT_THAT(verdicts(failed), ElementsAre("skip", "skip"));
  EXPECT_EQ(failed.tests[0].name, "a");
  EXPECT_THAT(failed.tests[0].skip_reason, HasSubstr("not run"));
  EXPECT_EQ(got.verdict, Verdict::error);
}

TEST_F(RunTestsTest, AModuleThatDoesNotBuildHasNoTests) {
  add_test("a");
  broken_ = "6.1";
  const auto got = report({"6.1", "6.12-cloud"});
  EXPECT_EQ(got.verdict, Verdict::fail);
  EXPECT_EQ(got.runs[0].failure->kind, FailureKind::build);
  EXPECT_TRUE(got.runs[0].tests.empty());
  EXPECT_THAT(verdicts(got.runs[1]), ElementsAre("pass"));
}

TEST_F(RunTestsTest, AnErrorOfTheUsersEndsTheRunOnlyWhereNothingBegan) {
  add_test("a");
  missing_.emplace("6.1", Error(ErrorKind::usage, "no kernel 6.1"));
  const auto refused = run({"6.1"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  EXPECT_TRUE(listener_.heard.empty());
  const auto got = report({"6.1", "6.12-cloud"});
  EXPECT_EQ(got.runs[0].failure->kind, FailureKind::environment);
  EXPECT_THAT(verdicts(got.runs[1]), ElementsAre("pass"));
  EXPECT_THAT(listener_.heard, ::testing::Contains("0 done error"));
}

TEST_F(RunTestsTest, AnUnknownSelectorIsRefusedBeforeAnythingIsRun) {
  add_test("a");
  const auto refused = run({"6.12-cloud", "no kernel"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  EXPECT_EQ(qemu_.starts(), "");
}

TEST_F(RunTestsTest, WithoutQemuThereIsAReport) {
  add_test("a");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  const auto got = report({"6.1-cloud"});
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_EQ(got.runs.size(), 1U);
  EXPECT_EQ(got.runs[0].failure->kind, FailureKind::environment);
  EXPECT_THAT(got.runs[0].failure->message, HasSubstr("qemu-system-x86"));
}

// What a library throws in a thread would end the process.
TEST_F(RunTestsTest, NoMemoryIsTheEnvironmentsFault) {
  add_test("a");
  throws_at_ = "6.1";
  const auto got = report({"6.12-cloud", "6.1"});
  EXPECT_THAT(verdicts(got.runs[0]), ElementsAre("pass"));
  EXPECT_EQ(got.runs[1].failure->kind, FailureKind::environment);
  EXPECT_THAT(got.runs[1].failure->message, HasSubstr("memory"));
}

TEST_F(RunTestsTest, AKilledQemuIsItsTestsMatter) {
  qemu_.tcg_does(serves("on run:bad kill 9"));
  add_test("a");
  add_test("b", "bad");
  add_test("c");
  const auto got = report({"6.1-cloud"});
  EXPECT_THAT(verdicts(got.runs[0]), ElementsAre("pass", "error", "pass"));
  EXPECT_EQ(got.runs[0].tests[1].failure->reproduce,
            "kobox test DIR --kernel 6.1-cloud --filter '^b$'");
}

TEST_F(RunTestsTest, AnInterruptKeepsWhatIsKnown) {
  qemu_.tcg_does(serves("on run:endless silent"));
  add_test("a");
  add_test("b", "endless");
  add_test("c", "endless");
  jobs_ = 1;
  room_for(1);  // so that they run in their order
  listener_.on_test = [](const TestResult&) { interrupt(); };
  const auto got = report({"6.1-cloud", "6.12-cloud"});
  EXPECT_TRUE(got.interrupted);
  EXPECT_EQ(got.verdict, Verdict::error);
  ASSERT_EQ(got.runs.size(), 2U);
  EXPECT_THAT(verdicts(got.runs[0]), ElementsAre("pass", "skip", "skip"));
  EXPECT_THAT(got.runs[0].tests[1].skip_reason, HasSubstr("interrupted"));
  ASSERT_TRUE(got.runs[0].failure);
  EXPECT_EQ(got.runs[0].failure->kind, FailureKind::environment);
  EXPECT_EQ(got.runs[0].failure->message, "interrupted: 2 of 3 tests were not run to their end");
  EXPECT_EQ(got.runs[1].kernel, "6.12-cloud") << "not begun";
  EXPECT_THAT(verdicts(got.runs[1]), Each(std::string("skip")));
  EXPECT_THAT(listener_.heard, ::testing::Contains("1 done error"));
}

TEST_F(RunTestsTest, AnInterruptAfterTheLastTestChangesNothingInTheResults) {
  add_test("a");
  listener_.on_test = [](const TestResult&) { interrupt(); };
  const auto got = report({"6.1-cloud"});
  EXPECT_EQ(got.verdict, Verdict::pass);
  EXPECT_FALSE(got.interrupted);
}

// Machines that boot to be saved, that load a module to be saved, that are tested and that only
// settle: over three kernels never more than fit.
TEST_F(RunTestsTest, MachinesThatLiveAtOnceAreBounded) {
  for (int i = 0; i < 3; ++i) add_test(fmt::format("test {}", i));
  for (const int machines : {1, 2}) {
    testing::FakeQemu counting;
    counting.tcg_does(testing::k_serves);
    ASSERT_TRUE(remove_tree(cache()));  // so that machines are saved again
    room_for(static_cast<std::uint64_t>(machines));
    jobs_ = 4;
    const auto got = report({"6.1-cloud", "6.1", "6.12-cloud"});
    EXPECT_EQ(got.verdict, Verdict::pass);
    EXPECT_LE(counting.most_alive(), machines);
    EXPECT_GE(counting.most_alive(), 1);
  }
}

TEST_F(RunTestsTest, JobsAndThoseThatSettleAreAllThatLive) {
  for (int i = 0; i < 6; ++i) add_test(fmt::format("test {}", i));
  jobs_ = 1;
  EXPECT_EQ(report({"6.1-cloud"}).verdict, Verdict::pass);
  EXPECT_LE(qemu_.most_alive(), 5);
}

TEST_F(RunTestsTest, FreshBootsAreBoundedToo) {
  for (int i = 0; i < 3; ++i) add_test(fmt::format("test {}", i));
  isolation_ = Isolation::fresh_boot;
  room_for(2);
  EXPECT_EQ(report({"6.1-cloud", "6.12-cloud"}).verdict, Verdict::pass);
  EXPECT_LE(qemu_.most_alive(), 2);
}

}  // namespace
}  // namespace kobox
