// SPDX-License-Identifier: GPL-2.0-or-later
// The one way to a machine: forks of a saved one, and what is done when there is none. On a fake
// QEMU, whose scripts for one start after the other are separated by '|'.
#include "harness/machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_project.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::k_serves;
using testing::serves;

class MachinesTest : public testing::FakeProject {
 protected:
  std::optional<Failure> ready(Machines& machines) {
    auto failure = machines.make_ready();
    if (failure) return std::move(*failure);
    ADD_FAILURE() << failure.error().to_string();
    return std::nullopt;
  }
  Machines::Opened open(Machines& machines) {
    auto opened = machines.open(loop_, qemu_.directory(), Machines::Use::tests, 10s);
    if (!opened)
      ADD_FAILURE() << opened.error().to_string();
    else if (auto* failure = std::get_if<Failure>(&*opened))
      ADD_FAILURE() << failure->message;
    else
      return std::get<Machines::Opened>(std::move(*opened));
    return {};
  }

  EventLoop loop_;
  NoProgress progress_;
  Prepared prepared_ = prepared();
};

TEST_F(MachinesTest, AForkOfAMachineThatIsSavedOnce) {
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  EXPECT_TRUE(some.made_template());
  EXPECT_TRUE(some.forks());
  const auto opened = open(some);
  ASSERT_TRUE(opened.session);
  EXPECT_EQ(opened.note, "");
  EXPECT_EQ(qemu_.starts(), "tcg\ntcg\n") << "one that is saved, and its fork";

  Machines again(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(again));
  EXPECT_FALSE(again.made_template());
  EXPECT_EQ(qemu_.starts(), "tcg\ntcg\n");
}

// A second boot, with all that the kernel can print, is another machine than the quiet one.
TEST_F(MachinesTest, ABootThatHadToSpeakIsNotKeptAsAQuietOne) {
  qemu_.tcg_does("greet;console SeaBIOS;shutdown guest-reset;exit 0|" + k_serves);
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  EXPECT_TRUE(some.made_template());
  qemu_.tcg_does(k_serves);
  Machines again(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(again));
  EXPECT_TRUE(again.made_template());
}

// Stepping and QEMU's plugins each go wrong with the other (TcgThreads, plugin/trace.cc).
TEST_F(MachinesTest, ADebuggedMachinesProcessorsTakeTurnsAndATracedOnesDoNot) {
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  for (const auto use : {Machines::Use::debugging, Machines::Use::tracing})
    EXPECT_TRUE(some.open(loop_, qemu_.directory(), use, 10s));
  EXPECT_THAT(qemu_.accels(), EndsWith("\ntcg,thread=single\ntcg,thread=multi\n"));
}

std::ptrdiff_t open_descriptors() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

// The budget counts k_descriptors (budget.cc) for each, which has to do for its start as well.
TEST_F(MachinesTest, AForkHoldsFewDescriptors) {
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  const auto before = open_descriptors();
  EventLoop loop;
  const auto opened = some.open(loop, qemu_.directory(), Machines::Use::tests, 10s);
  ASSERT_TRUE(opened);
  RecordProperty("descriptors", static_cast<int>(open_descriptors() - before));
  EXPECT_LE(open_descriptors() - before, 16);
}

TEST_F(MachinesTest, AForkThatDoesNotWakeIsABootWithANote) {
  for (const auto& fork :
       {std::string("stderr no such state;exit 1"), serves("on qmp.migrate-incoming kill 9"),
        serves("on configure kill 9")}) {
    testing::FakeQemu other;
    other.tcg_does(k_serves + "|" + fork + "|" + k_serves);
    auto own = options();
    own.cache = other.directory() / "cache";
    Machines some(project_, prepared_, own, Isolation::forked, progress_);
    EXPECT_FALSE(ready(some));
    int boots = 0;
    auto opened = some.open(loop_, other.directory(), Machines::Use::tests, 10s, [&] { ++boots; });
    ASSERT_TRUE(opened) << opened.error().to_string();
    const auto& machine = std::get<Machines::Opened>(*opened);
    EXPECT_TRUE(machine.session);
    EXPECT_THAT(machine.note, HasSubstr("its fork of the saved machine did not resume")) << fork;
    EXPECT_EQ(boots, 1);
    EXPECT_EQ(other.starts(), "tcg\ntcg\ntcg\n");
  }
}

TEST_F(MachinesTest, AfterTwoForksThatDidNotWakeNoneIsTried) {
  qemu_.tcg_does(k_serves + "|exit 1|" + k_serves + "|exit 1|" + k_serves);
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  EXPECT_NE(open(some).note, "");
  EXPECT_NE(open(some).note, "");
  EXPECT_FALSE(some.forks());
  EXPECT_EQ(open(some).note, "") << "it is known by then";
}

TEST_F(MachinesTest, WithoutForksEachBoots) {
  Machines some(project_, prepared_, options(), Isolation::fresh_boot, progress_);
  EXPECT_FALSE(ready(some));
  EXPECT_FALSE(some.forks());
  EXPECT_TRUE(open(some).session);
  EXPECT_EQ(qemu_.starts(), "tcg\n");
}

TEST_F(MachinesTest, ABootThatFailsIsAFailure) {
  qemu_.tcg_does("greet;console Kernel panic;shutdown guest-reset;exit 0");
  Machines some(project_, prepared_, options(), Isolation::fresh_boot, progress_);
  EXPECT_FALSE(ready(some));
  const auto opened = some.open(loop_, qemu_.directory(), Machines::Use::tests, 10s);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(std::holds_alternative<Failure>(*opened));
  EXPECT_EQ(std::get<Failure>(*opened).kind, FailureKind::boot);
}

// The module's load fails from the second start on, if it is asked for.
TEST_F(MachinesTest, AfterTheModuleWasLoadedOnceForksBeginBehindTheLoad) {
  qemu_.tcg_does(k_serves + "|" + k_serves + "|" + serves("on load kill 9"));
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  const auto loaded = some.load_once();
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_FALSE(*loaded);
  const auto opened = open(some);
  ASSERT_TRUE(opened.session);
  const TestSpec test = {.name = "a test", .run = "true"};
  const auto outcome = opened.session->run(test, [] {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->result.verdict, Verdict::pass);
}

TEST_F(MachinesTest, ALoadThatFailsIsToldOnce) {
  qemu_.tcg_does(
      k_serves + "|" +
      serves("on load reply {\"ok\": false, \"errno\": 8, \"error\": \"Exec format error\"}"));
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  const auto loaded = some.load_once();
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->kind, FailureKind::load);
}

TEST_F(MachinesTest, AQemuThatTheHostKillsIsTheHostsFault) {
  for (const auto* at : {"configure", "qmp.stop", "qmp.migrate"}) {
    testing::FakeQemu other;
    other.tcg_does(serves(fmt::format("on {} kill 9", at)));
    auto own = options();
    own.cache = other.directory() / "cache";
    Machines some(project_, prepared_, own, Isolation::forked, progress_);
    const auto failure = ready(some);
    ASSERT_TRUE(failure) << at;
    EXPECT_EQ(failure->kind, FailureKind::environment) << at << ": " << failure->message;
  }
}

TEST_F(MachinesTest, AQemuThatIsKilledAsItLoadsTheModuleIsTheHostsFault) {
  qemu_.tcg_does(k_serves + "|" + serves("on load kill 9"));
  Machines some(project_, prepared_, options(), Isolation::forked, progress_);
  EXPECT_FALSE(ready(some));
  const auto loaded = some.load_once();
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->kind, FailureKind::environment);
}

}  // namespace
}  // namespace kobox
