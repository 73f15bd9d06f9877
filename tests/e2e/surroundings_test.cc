// SPDX-License-Identifier: GPL-2.0-or-later
// What a module meets in the guest: who uses it, what it makes the kernel load.
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class SurroundingsTest : public KoboxTest {};

TEST_F(SurroundingsTest, AModuleThatIsInUseIsToldWithItsUsers) {
  const auto finished = test(source_directory() / "tests/e2e/modules/held");
  EXPECT_EQ(finished.code(), 1) << finished;
  const auto report = finished.report();
  const auto& tests = report["runs"][0]["tests"];
  ASSERT_THAT(tests, SizeIs(3));
  const std::vector<std::string> expected = {
      "process [0-9]+ [(]sleep 1000[)] has opened /dev/held$",
      "a file system of the type heldfs is mounted at /mnt$",
      "its reference count is 1 and nobody is seen to hold it",
  };
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(tests[i]["failure"]["kind"], "leak");
    EXPECT_THAT(tests[i]["failure"]["message"].get<std::string>(), ContainsRegex(expected[i]));
  }
}

TEST_F(SurroundingsTest, ModulesThatAreAskedForAreLoadedAndNoLeak) {
  const auto asks = source_directory() / "tests/e2e/modules/asks";
  const auto forked = test(asks, {"--kernel", "6.1-cloud", "--kernel", "6.12-cloud"});
  EXPECT_EQ(forked.code(), 0) << forked;
  const auto booted = test(asks, {"--fresh-boot", "--filter", "in init|by the test"});
  EXPECT_EQ(booted.code(), 0) << booted;
}

TEST_F(SurroundingsTest, ATwinOfTheKernelsNeverTakesTheModulesPlace) {
  const auto done = test(source_directory() / "tests/e2e/modules/dummy");
  EXPECT_EQ(done.code(), 0) << done;
}

// Of what a failed test asked for, the reader learns what nobody has.
TEST_F(SurroundingsTest, AFailureTellsWhichModulesAreMissing) {
  const auto done = test(project("[[test]]\nname = \"x\"\nrun = \"modprobe fs-kobox-none\"\n"));
  EXPECT_EQ(done.code(), 1) << done;
  EXPECT_THAT(
      done.report()["runs"][0]["tests"][0]["note"].get<std::string>(),
      ContainsRegex("the guest asked for the module fs-kobox-none, which 6.1.* does not have"));
}

// The far end is in a network namespace of its own; without one the kernel would not use the wire.
TEST_F(SurroundingsTest, TwoCardsAreJoinedByAWire) {
  constexpr const char* k_project = R"toml(
[machine]
network = "pair"
[[test]]
name = "wire"
run = """
unshare -n sleep 100 & peer=$!
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
in_peer() { nsenter -t $peer -n "$@"; }
ip link set eth1 netns $peer
in_peer ip addr add 10.0.0.2/24 dev eth1
in_peer ip link set eth1 up
ip addr add 10.0.0.1/24 dev eth0
ip link set eth0 up
ping -q -c 2 10.0.0.2
status=$?
kill $peer
exit $status
"""
stdout = { contains = "2 packets received" }
[[test]]
name = "lo"
run = "ping -q -c 1 127.0.0.1"
)toml";
  const auto place = directory_ / "wire";
  fs::create_directories(place);
  fs::copy(source_directory() / "modules/layouts/needs/bus", place);
  spit(place / "kobox.toml", k_project);
  for (const Arguments& more : {Arguments{}, {"--fresh-boot", "--kernel", "6.12-cloud"}}) {
    const auto done = test(place, more);
    EXPECT_EQ(done.code(), 0) << done;
  }
  auto text = slurp(place / "kobox.toml");
  text.replace(text.find("\"pair\""), 6, "\"none\"");
  spit(place / "kobox.toml", text);
  EXPECT_EQ(test(place).code(), 1) << "without a network neither passes";
}

}  // namespace
}  // namespace kobox::e2e
