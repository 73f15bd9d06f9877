// SPDX-License-Identifier: GPL-2.0-or-later
// A host where something is missing: QEMU, busybox, a compiler, a network, a kernel; and two kobox
// at once. Exit code 4 with a sentence that says what to do.
#include "kobox_test.h"

namespace kobox::e2e {
namespace {

class BadHostTest : public KoboxTest {
 protected:
  // The sentence of a run that the host's fault ended. The report is there all the same.
  std::string failed(const Invocation& one) {
    const auto done = run(one);
    EXPECT_EQ(done.code(), 4) << done;
    EXPECT_EQ(done.report()["verdict"], "error") << done;
    EXPECT_EQ(done.report()["runs"][0]["failure"]["kind"], "environment") << done;
    EXPECT_THAT(machines(), IsEmpty());
    return done.error;
  }
  // A cache of this test's own, with the shared kernels in it.
  void use_fresh_cache() {
    cache_ = directory_ / "cache";
    fs::create_directories(cache_ / "kobox");
    for (const auto* name : {"kernels", "apt"})
      if (const auto target = shared_cache() / "kobox" / name; fs::exists(target))
        fs::create_directory_symlink(target, cache_ / "kobox" / name);
  }
};

TEST_F(BadHostTest, NoQemu) {
  auto one = invocation(test_arguments(quiet_module()));
  one.environment.emplace_back("PATH", path_without("qemu-system-x86_64"));
  const auto said = failed(one);
  EXPECT_THAT(said, HasSubstr("qemu-system-x86_64 is not installed"));
  EXPECT_THAT(said, HasSubstr("apt-get install qemu-system-x86"));
}

TEST_F(BadHostTest, NoBusybox) {
  auto one = invocation(test_arguments(quiet_module()));
  one.environment.emplace_back("PATH", path_without("busybox"));
  const auto said = failed(one);
  EXPECT_THAT(said, HasSubstr("busybox is not installed"));
  EXPECT_THAT(said, HasSubstr("apt-get install busybox-static"));
}

TEST_F(BadHostTest, NoMake) {
  auto one = invocation(
      test_arguments(module_project("m", "#include <linux/module.h>\n"), {"--build-in", "host"}));
  one.environment.emplace_back("PATH", path_without("make"));
  EXPECT_THAT(failed(one), HasSubstr("there is no make on this host; install it"));
}

TEST_F(BadHostTest, NoCompilerForTheKernel) {
  auto one = invocation(test_arguments(module_project("m", "#include <linux/module.h>\n")));
  one.environment.emplace_back("PATH", path_without("(.*-)?(gcc|cc)(-[0-9.]+)?|bwrap"));
  const auto said = failed(one);
  EXPECT_THAT(said, HasSubstr("gcc-12"));
  EXPECT_THAT(said, HasSubstr("install"));
  EXPECT_THAT(said, HasSubstr("and no build root can be used: bubblewrap"));
  auto doctor = one;
  doctor.arguments = {"doctor"};
  const auto examined = run(doctor);
  EXPECT_EQ(examined.code(), 4) << examined;
  EXPECT_THAT(examined.output,
              ContainsRegex("MISSING +bookworm +6\\.1.*: gcc-12 is not on this host"));
}

TEST_F(BadHostTest, NoAgent) {
  auto one = invocation(test_arguments(quiet_module()));
  one.environment.emplace_back("KOBOX_AGENT", (directory_ / "absent").string());
  EXPECT_THAT(failed(one), HasSubstr((directory_ / "absent").string()));
}

TEST_F(BadHostTest, OfflineWithAnEmptyCachePrintsTheCommandToRun) {
  cache_ = directory_ / "cache";
  EXPECT_THAT(failed(invocation(test_arguments(quiet_module(), {"--offline"}))),
              HasSubstr("--offline forbids to fetch it; run: kobox kernel fetch 6.1-cloud"));
}

TEST_F(BadHostTest, NoNetwork) {
  cache_ = directory_ / "cache";
  auto one = invocation(test_arguments(quiet_module()));
  one.environment.emplace_back("KOBOX_DEBIAN_MIRROR", "http://127.0.0.1:9/debian");
  for (const auto* proxy : {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"})
    one.environment.emplace_back(proxy, "");
  const auto said = failed(one);
  EXPECT_THAT(said, HasSubstr("asking Debian's archive for its kernels"));
  EXPECT_THAT(said, HasSubstr("127.0.0.1"));
  // Nothing half: the next one asks again.
  EXPECT_THAT(failed(one), HasSubstr("127.0.0.1"));
}

TEST_F(BadHostTest, AMirrorThatNobodySigned) {
  cache_ = directory_ / "cache";
  const auto dists = directory_ / "mirror/dists/bookworm";
  spit(dists / "main/binary-amd64/Packages", "");
  spit(dists / "Release",
       "Suite: oldstable\nCodename: bookworm\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
       "Architectures: amd64\nComponents: main\nSHA256:\n"
       " e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 "
       "main/binary-amd64/Packages\n");
  auto one = invocation(test_arguments(quiet_module()));
  one.environment.emplace_back("KOBOX_DEBIAN_MIRROR", "file://" + (directory_ / "mirror").string());
  EXPECT_THAT(failed(one), HasSubstr("is not signed"));
}

TEST_F(BadHostTest, UnknownKernel) {
  const auto done = run({"test", quiet_module().string(), "--kernel", "9.9"});
  EXPECT_EQ(done.code(), 2) << done;
  EXPECT_THAT(done.error, HasSubstr("no kernel '9.9'"));
  EXPECT_THAT(done.error, HasSubstr("6.1-cloud"));
}

TEST_F(BadHostTest, AKernelImageThatIsNone) {
  spit(directory_ / "garbage", std::string(1 << 20, 'x'));
  EXPECT_THAT(failed(invocation(
                  test_arguments(quiet_module(), {"--kernel", (directory_ / "garbage").string()}))),
              HasSubstr("garbage: it is not a bzImage"));
  const auto done =
      test(quiet_module(), {"--kernel", (directory_ / "absent").string(), "--offline"});
  EXPECT_EQ(done.code(), 2) << done;
  EXPECT_THAT(done.error, HasSubstr("there is no kernel image"));
}

TEST_F(BadHostTest, AKernelImageThatIsCutShort) {
  for (const auto& entry : fs::directory_iterator(shared_cache() / "kobox/kernels"))
    if (entry.is_directory() && fs::exists(entry.path() / "vmlinuz"))
      spit(directory_ / "vmlinuz", slurp(entry.path() / "vmlinuz").substr(0, 3'000'000));
  const auto said = failed(
      invocation(test_arguments(quiet_module(), {"--kernel", (directory_ / "vmlinuz").string()})));
  EXPECT_THAT(said, HasSubstr((directory_ / "vmlinuz").string()));
  EXPECT_THAT(said, HasSubstr("cut short"));
}

TEST_F(BadHostTest, TheCacheCannotBeWhereItIsToBe) {
  spit(directory_ / "file", "");
  cache_ = directory_ / "file/cache";
  EXPECT_THAT(failed(invocation(test_arguments(quiet_module()))),
              HasSubstr((directory_ / "file/cache/kobox").string()));
}

TEST_F(BadHostTest, TheStateCannotBeWhereItIsToBe) {
  spit(directory_ / "file", "");
  state_ = directory_ / "file/state";
  EXPECT_THAT(failed(invocation(test_arguments(quiet_module()))),
              HasSubstr((directory_ / "file/state/kobox").string()));
}

TEST_F(BadHostTest, TwoAtOnceOnAFreshCacheAndOneModule) {
  use_fresh_cache();
  const auto place = project("[[test]]\nname = \"a\"\nrun = \"true\"\n");
  auto one = start(test_arguments(place));
  auto other = start(test_arguments(place));
  for (auto* each : {&one, &other}) {
    const auto done = each->wait();
    EXPECT_EQ(done.code(), 0) << done;
    EXPECT_EQ(done.report()["verdict"], "pass") << done;
  }
}

TEST_F(BadHostTest, TwoAtOnceOnAFreshCacheAndTwoModules) {
  use_fresh_cache();
  const auto exercise = source_directory() / "modules/qemu_exercise";
  auto one = start(test_arguments(exercise, {"--filter", "greets"}));
  auto other = start(test_arguments(quiet_module()));
  for (auto* each : {&one, &other}) {
    const auto done = each->wait();
    EXPECT_EQ(done.code(), 0) << done;
    EXPECT_EQ(done.report()["verdict"], "pass") << done;
  }
}

}  // namespace
}  // namespace kobox::e2e
