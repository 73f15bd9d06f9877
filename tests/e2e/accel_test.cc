// SPDX-License-Identifier: GPL-2.0-or-later
// The choice of the accelerator, on whatever this host has: a KVM that works, none, or one that
// opens and boots nothing. Times are printed; what is asserted of them is generous.
#include <fmt/format.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class AccelTest : public KoboxTest {
 protected:
  // What was found out about KVM is remembered in the cache: this one knows nothing yet.
  void SetUp() override {
    cache_ = directory_ / "cache";
    fs::create_directories(cache_ / "kobox");
    for (const auto* name : {"kernels", "roots", "builds", "guests"})
      fs::create_directory_symlink(shared_cache() / "kobox" / name, cache_ / "kobox" / name);
  }
  Finished timed(const char* what, const std::string& accel) {
    auto done = test(quiet_module(), {"--accel", accel, "--offline"});
    fmt::print("{}: {:.1f} s\n", what, done.seconds);
    return done;
  }
};

TEST_F(AccelTest, AutoIsFoundOutOnceAndSaidInTheReport) {
  const auto warm = timed("warm-up, tcg", "tcg");
  ASSERT_EQ(warm.code(), 0) << warm;
  const auto tcg = timed("tcg", "tcg");
  const auto first = timed("auto, first", "auto");
  const auto second = timed("auto, second", "auto");
  for (const auto& done : {first, second}) {
    ASSERT_EQ(done.code(), 0) << done;
    const auto run = done.report()["runs"][0];
    EXPECT_THAT(run["accel"].get<std::string>(), AnyOf("kvm", "tcg"));
    EXPECT_THAT(run["accel_reason"].get<std::string>(), HasSubstr("/dev/kvm")) << done;
  }
  const auto decided = [](const Finished& done) {
    const auto run = done.report()["runs"][0];
    return std::pair(run["accel"], run["accel_reason"]);
  };
  EXPECT_EQ(decided(first), decided(second));
  EXPECT_LT(first.seconds, tcg.seconds + 15.0);
  EXPECT_LT(second.seconds, tcg.seconds + 5.0);
  EXPECT_THAT(machines(), IsEmpty());
}

TEST_F(AccelTest, KvmAskedForWorksOrIsExplained) {
  const auto place =
      project("[limits]\nboot = \"15s\"\n", "[[test]]\nname = \"a\"\nrun = \"true\"\n");
  const auto done = test(place, {"--accel", "kvm", "--offline"});
  EXPECT_LT(done.seconds, 60.0) << done;
  EXPECT_THAT(machines(), IsEmpty());
  if (done.code() == 0) {
    EXPECT_EQ(done.report()["runs"][0]["accel"], "kvm");
    return;
  }
  EXPECT_EQ(done.code(), 4) << done;
  if (done.output.empty()) {
    EXPECT_THAT(done.error, HasSubstr("--accel kvm: ")) << done;
    EXPECT_THAT(done.error, HasSubstr("use --accel tcg")) << done;
    return;
  }
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  EXPECT_THAT(failure["kind"].get<std::string>(), AnyOf("boot", "environment"));
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("/dev/kvm"));
  EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("--accel tcg"));
}

TEST_F(AccelTest, KvmThatIsKnownNotToWorkIsNotTriedAgain) {
  const auto found = timed("auto", "auto");
  if (found.report()["runs"][0]["accel"] == "kvm") GTEST_SKIP() << "KVM works here";
  // One that was only found slower is tried, and may use up the boot limit.
  const auto place =
      project("[limits]\nboot = \"15s\"\n", "[[test]]\nname = \"a\"\nrun = \"true\"\n");
  const auto tried = test(place, {"--accel", "kvm", "--offline"});
  if (tried.code() == 0) GTEST_SKIP() << "KVM works here, if slowly";
  const auto done = timed("kvm", "kvm");
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("--accel kvm: ")) << done;
  EXPECT_THAT(done.error, HasSubstr("/dev/kvm")) << done;
  EXPECT_THAT(done.error, HasSubstr("use --accel tcg")) << done;
  EXPECT_LT(done.seconds, 10.0) << done;
}

}  // namespace
}  // namespace kobox::e2e
