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

class ModulesOnRequestTest : public SurroundingsTest {
 protected:
  // One asks in its init, by alias; its soft dependencies are there before and after; tests ask
  // too.
  fs::path asks() {
    return module_project("asks", R"(
#include <linux/kmod.h>
#include <linux/module.h>

static int __init asks_init(void)
{
	pr_info("asks: erofs %d\n", request_module("fs-erofs"));
	pr_info("asks: nothing %d\n", request_module("kobox-there-is-none"));
	return 0;
}

static void __exit asks_exit(void) {}

module_init(asks_init);
module_exit(asks_exit);
MODULE_SOFTDEP("pre: kobox-there-is-none fs-squashfs post: brd");
MODULE_LICENSE("GPL");
)",
                          R"(
[[test]]
name = "in init"
run = "grep -q erofs /proc/filesystems && grep -q squashfs /proc/filesystems && ls /dev/ram0"
kernel_log = ["asks: erofs 0", "asks: nothing 256"]

[[test]]
name = "by the test"
run = "mkdir m; mount -t overlay -o lowerdir=/etc:/root o m && ls m/passwd && umount m"

[[test]]
name = "by modprobe"
run = "modprobe null_blk nr_devices=3 && ls /dev/nullb2 && modprobe -r null_blk && ! ls /dev/nullb2"

[[test]]
name = "what is not there"
run = "time modprobe kobox-there-is-none || exit 3"
status = 3
stderr = { contains = "has no such module" }
)");
  }
  // Its name is that of a module of the kernel's, for which there is an alias too.
  fs::path twin() {
    return module_project("dummy", R"(
#include <linux/module.h>
static int __init dummy_init(void) { return 0; }
static void __exit dummy_exit(void) {}
module_init(dummy_init);
module_exit(dummy_exit);
MODULE_VERSION("under-test");
MODULE_LICENSE("GPL");
)",
                          R"(
[module]
load = false

[[test]]
name = "by name"
run = "modprobe dummy && cat /sys/module/dummy/version"
stdout = "under-test\n"

[[test]]
name = "by alias"
run = "modprobe rtnl-link-dummy && cat /sys/module/dummy/version"
stdout = "under-test\n"

[[test]]
name = "by the system's own modprobe"
guest = "disk"
run = "/usr/sbin/modprobe dummy && cat /sys/module/dummy/version"
stdout = "under-test\n"
)");
  }
};

TEST_F(ModulesOnRequestTest, AreLoadedAndNoLeak) {
  const auto project = asks();
  const auto forked = test(project, {"--kernel", "6.1-cloud", "--kernel", "6.12-cloud"});
  EXPECT_EQ(forked.code(), 0) << forked;
  const auto booted = test(project, {"--fresh-boot", "--filter", "in init|by the test"});
  EXPECT_EQ(booted.code(), 0) << booted;
}

TEST_F(ModulesOnRequestTest, AreNeverATwinOfTheModuleUnderTest) {
  const auto done = test(twin());
  EXPECT_EQ(done.code(), 0) << done;
}

}  // namespace
}  // namespace kobox::e2e
