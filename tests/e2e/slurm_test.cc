// SPDX-License-Identifier: GPL-2.0-or-later
// kobox test --on slurm, on a Slurm that the test starts.
#include <csignal>

#include "kobox_test.h"
#include "slurm_cluster.h"

namespace kobox::e2e {
namespace {

// Far more than any of it takes, even on a host with much else to do.
constexpr auto k_limit = 300s;

class SlurmTest : public KoboxTest {
 protected:
  // On 6.12 a test waits for minutes.
  fs::path waits_on_6_12() {
    return project(fmt::format(R"(
[[test]]
name = "passes"
run = "true"
[[test]]
name = "waits"
run = "{}; sleep 600"
timeout = "15m"
kernels = ">=6.12"
)",
                               k_say_begun));
  }
  Invocation on_slurm(const fs::path& module, const Arguments& more = {}) const {
    Arguments arguments = {"test",      module.string(), "--kernel", "6.1-cloud",
                           "--kernel",  "6.12-cloud",    "--accel",  "tcg",
                           "--offline", "--format",      "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto one = invocation(arguments);
    one.environment.push_back(cluster_.environment());
    return one;
  }
  // Until the test that waits does so, in a machine of its own.
  void wait_until_waiting(Running& running) {
    EXPECT_TRUE(holds_within(k_limit, [&] { return running.ended() || begun(); }));
    EXPECT_FALSE(running.ended());
  }
  // The node that runs a shard, once it does.
  std::string node_of(const std::string& shard) {
    std::string node;
    EXPECT_TRUE(holds_within(k_limit, [&] {
      for (const auto& line : cluster_.queue())
        if (line.starts_with(shard + " RUNNING ")) node = line.substr(line.rfind(' ') + 1);
      return !node.empty();
    }));
    return node;
  }

  SlurmCluster cluster_{directory_ / "cluster"};
};

TEST_F(SlurmTest, SaysWhatOneMachineSays) {
  const auto module = project(R"(
[[test]]
name = "passes"
run = "true"
[[test]]
name = "fails"
run = "exit 3"
)");
  const auto there = run(on_slurm(module, {"--on", "slurm", "--shards", "3"}));
  const auto here = run(on_slurm(module));
  EXPECT_EQ(here.code(), 1) << here;
  EXPECT_EQ(there.code(), here.code()) << there;
  EXPECT_EQ(without_times(there.report()), without_times(here.report())) << there;
  EXPECT_THAT(there.error, HasSubstr("3 shards of 2 tests on 2 kernels"));
  EXPECT_TRUE(fs::is_empty(state_ / "kobox/slurm"));
  // What balances the shards of the next run.
  const auto kept =
      nlohmann::json::parse(slurp(fs::directory_iterator(state_ / "kobox/times")->path()));
  EXPECT_EQ(without_times(kept), without_times(here.report()));
}

// What 6.12 does not include can be told only by who knows that it builds for 6.1.
TEST_F(SlurmTest, WhyItDoesNotBuildIsKnownFromTheOtherShards) {
  const auto module = module_project(
      "m",
      "#include <linux/module.h>\n#include <linux/version.h>\n"
      "#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)\n#include \"old.h\"\n#endif\n"
      "u32 m_sum(void);\nu32 m_sum(void)\n{\n\treturn crc32_le(0, \"m\", 1);\n}\n"
      "MODULE_LICENSE(\"GPL\");\n",
      "[[test]]\nname = \"passes\"\nrun = \"true\"\n");
  spit(module / "old.h", "#include <linux/crc32.h>\n");
  const auto there = run(on_slurm(module, {"--on", "slurm"}));
  const auto here = run(on_slurm(module));
  EXPECT_EQ(there.code(), here.code()) << there;
  EXPECT_FALSE(here.report()["runs"][1]["failure"]["api_change"].is_null()) << here;
  EXPECT_EQ(without_times(there.report()), without_times(here.report())) << there;
}

TEST_F(SlurmTest, ANodeThatDiesIsAnErrorOfItsShard) {
  auto running = start(on_slurm(waits_on_6_12(), {"--on", "slurm", "--shards", "2"}));
  wait_until_waiting(running);
  cluster_.kill_node(node_of("2"));
  const auto done = running.wait();
  EXPECT_EQ(done.code(), 4) << done;
  const auto report = done.report();
  EXPECT_EQ(report["runs"][0]["verdict"], "pass") << done;
  for (const auto& test : report["runs"][1]["tests"]) {
    EXPECT_EQ(test["failure"]["kind"], "environment") << done;
    EXPECT_THAT(test["failure"]["message"].get<std::string>(), HasSubstr("NODE_FAIL")) << done;
  }
  EXPECT_TRUE(machines_end_within(k_limit));
}

TEST_F(SlurmTest, AnInterruptCancelsTheJob) {
  auto running = start(on_slurm(waits_on_6_12(), {"--on", "slurm", "--shards", "2"}));
  wait_until_waiting(running);
  running.signal(SIGINT);
  const auto done = running.wait();
  EXPECT_EQ(done.code(), 130) << done;
  EXPECT_EQ(done.report()["interrupted"], true) << done;
  EXPECT_TRUE(
      holds_within(k_limit, [&] { return cluster_.queue() == std::vector<std::string>{""}; }));
  EXPECT_TRUE(machines_end_within(k_limit));
}

TEST_F(SlurmTest, WhatSbatchRefusesIsSaid) {
  const auto done = run(on_slurm(quiet_module(), {"--on", "slurm", "--partition", "nowhere"}));
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.error, HasSubstr("invalid partition specified: nowhere"));
}

}  // namespace
}  // namespace kobox::e2e
