// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever ends kobox ends all that it started, and leaves nothing half.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

// What a shell calls it: 130 for Ctrl-C.
int code_for(int signal) { return signal == SIGKILL ? -SIGKILL : 130; }

class LifetimeTest : public KoboxTest, public ::testing::WithParamInterface<int> {
 protected:
  void end(Running& running) {
    running.signal(GetParam());
    const auto done = running.wait(20s);
    EXPECT_EQ(done.code(), code_for(GetParam())) << done;
    EXPECT_TRUE(machines_end_within(5s)) << "QEMU outlived kobox" << done;
    if (GetParam() == SIGKILL) return;  // nobody was left to tidy up
    EXPECT_TRUE(!fs::exists(runs()) || fs::is_empty(runs())) << listing(runs()) << done;
    EXPECT_THAT(done.error, HasSubstr("interrupted")) << done;
    const auto report = done.report();
    EXPECT_EQ(report["verdict"], "error") << done;
    EXPECT_EQ(report["runs"][0]["failure"]["kind"], "environment") << done;
    for (const auto& test : report["runs"][0]["tests"]) EXPECT_EQ(test["verdict"], "skip") << done;
  }
};

TEST_P(LifetimeTest, WhileATestRuns) {
  auto running = start_sleeper();
  end(running);
}

TEST_P(LifetimeTest, WhileItBoots) {
  auto running = start(test_arguments(sleeper()));
  ASSERT_TRUE(holds_within(60s, [&] { return running.ended() || !machines().empty(); }));
  end(running);
}

TEST_P(LifetimeTest, WhileItBuilds) {
  // A build that takes its time: make waits for a command of this module's own Kbuild.
  const auto place =
      module_project("slow", "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n");
  const auto marker = directory_ / "building";
  const auto nap = fmt::format("sleep 1000.{}", ::getpid());
  spit(place / "Kbuild", fmt::format("obj-m := slow.o\n$(obj)/slow.o: $(obj)/made.h\n"
                                     "$(obj)/made.h:\n\ttouch {} && {}\n",
                                     marker.string(), nap));
  auto running = start(test_arguments(place));
  ASSERT_TRUE(holds_within(60s, [&] { return running.ended() || fs::exists(marker); }));
  EXPECT_TRUE(holds_within(5s, [&] { return !processes_with(nap).empty(); }));
  end(running);
  // Of a kobox that was killed outright only make itself is sure to go.
  if (GetParam() != SIGKILL) {
    EXPECT_TRUE(holds_within(5s, [&] { return processes_with(nap).empty(); }))
        << "make's children outlived kobox";
  }
  for (const auto left : processes_with(nap)) ::kill(left, SIGKILL);
  // The build place is usable again.
  spit(place / "Kbuild", "obj-m := slow.o\n");
  const auto again = run({"build", place.string(), "--kernel", "6.1-cloud"});
  EXPECT_EQ(again.code(), 0) << again;
}

INSTANTIATE_TEST_SUITE_P(Signals, LifetimeTest, ::testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL),
                         [](const auto& one) { return std::string(::sigabbrev_np(one.param)); });

TEST_F(KoboxTest, CtrlCTwiceEndsAtOnce) {
  auto running = start_sleeper();
  running.signal(SIGINT);
  running.signal(SIGINT);
  const auto done = running.wait(10s);
  EXPECT_EQ(done.code(), 130) << done;
  EXPECT_TRUE(machines_end_within(5s));
}

TEST_F(KoboxTest, AShellThatIsTerminatedEndsItsMachine) {
  auto one =
      invocation({"shell", quiet_module().string(), "--kernel", "6.1-cloud", "--accel", "tcg"});
  one.input = std::string(k_say_begun) + "; sleep 100\n";
  auto running = start(one);
  wait_until_begun(running);
  running.signal(SIGTERM);
  const auto done = running.wait(20s);
  EXPECT_EQ(done.code(), 130) << done;
  EXPECT_TRUE(machines_end_within(5s));
}

TEST_F(KoboxTest, AKeptRunStaysAndIsNamed) {
  const auto done = test(quiet_module(), {"--keep"});
  EXPECT_EQ(done.code(), 0) << done;
  ASSERT_FALSE(fs::is_empty(runs())) << done;
  const auto kept = fs::directory_iterator(runs())->path();
  EXPECT_THAT(done.error, HasSubstr("kept " + kept.string()));
  EXPECT_TRUE(fs::exists(kept / "001/console.log")) << "of the first test";
}

}  // namespace
}  // namespace kobox::e2e
