// SPDX-License-Identifier: GPL-2.0-or-later
// Kernels that this host has no compiler for: built for in a small Debian of their own, which shuts
// the module's Makefile off from the host.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

// Cannot be built: so its build's log is shown, in which the Kbuild has told what it sees.
constexpr const char* k_broken = "#error enough\n";

class BuildRootTest : public KoboxTest {
 protected:
  // What a Kbuild with these lines before it prints while it is built for a kernel.
  std::string told_by(const std::string& kbuild, const std::string& kernel = "7.3-cloud") {
    const auto place = module_project("m", k_broken);
    spit(place / "Kbuild", kbuild + "\nobj-m := m.o\n");
    const auto done = test(place, {"--kernel", kernel, "--build-in", "root"});
    EXPECT_EQ(done.code(), 3) << done;
    const auto failure = failure_of(done.report());
    if (!failure.is_object()) return "";
    EXPECT_EQ(failure["kind"], "build") << done;
    return slurp(failure["console"].get<std::string>());
  }
  // From now on a cache with the kernels and Debian's lists, but without roots and builds.
  void use_own_roots() {
    cache_ = directory_ / "cache";
    fs::create_directories(cache_ / "kobox");
    for (const auto* name : {"kernels", "apt"})
      fs::create_directory_symlink(shared_cache() / "kobox" / name, cache_ / "kobox" / name);
  }
  std::vector<std::string> roots() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(cache_ / "kobox/roots", ignored))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
};

class OtherCompilerTest : public BuildRootTest,
                          public ::testing::WithParamInterface<const char*> {};

TEST_P(OtherCompilerTest, AModuleIsBuiltLoadedAndUnloaded) {
  const auto done = test(quiet_module(), {"--kernel", GetParam()});
  EXPECT_EQ(done.code(), 0) << done;
  EXPECT_EQ(done.report()["verdict"], "pass") << done;
}

INSTANTIATE_TEST_SUITE_P(, OtherCompilerTest, ::testing::Values("5.10-cloud", "7.3-cloud"),
                         [](const auto& info) { return name_of_parameter(info.param); });

TEST_F(BuildRootTest, ItsPathsAreNotTheHosts) {
  const auto place = module_project("m", "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n");
  const auto build = [&](const fs::path& from) {
    const auto done = run({"build", from.string(), "--kernel", "7.3-cloud", "--output",
                           (directory_ / "out" / from.filename()).string()});
    EXPECT_EQ(done.code(), 0) << done;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / "out" / from.filename()))
      if (entry.path().extension() == ".ko") return slurp(entry.path());
    return std::string();
  };
  fs::copy(place, directory_ / "elsewhere", fs::copy_options::recursive);
  const auto here = build(place);
  EXPECT_THAT(here, HasSubstr("/module"));
  EXPECT_THAT(here, Not(HasSubstr(cache_.string())));
  EXPECT_TRUE(here == build(directory_ / "elsewhere")) << "not the same bytes";
}

TEST_F(BuildRootTest, UnameAnswersForTheKernelThatIsBuiltFor) {
  const auto log = told_by(
      "$(info uname=$(shell uname -r))\n"
      "$(info clean=$(shell env -i /usr/bin/uname -r))\n"
      "$(info proc=$(shell cat /proc/sys/kernel/osrelease))\n"
      "$(info build=$(wildcard /lib/modules/$(shell uname -r)/build/Makefile))\n");
  EXPECT_THAT(log, ContainsRegex("uname=7\\.3\\.[0-9]+\\+deb13-cloud-amd64"));
  EXPECT_THAT(log, ContainsRegex("clean=7\\.3\\.[0-9]+\\+deb13-cloud-amd64"));
  EXPECT_THAT(log, ContainsRegex("proc=7\\.3\\.[0-9]+\\+deb13-cloud-amd64"));
  EXPECT_THAT(log, ContainsRegex("build=/lib/modules/7\\.3\\..*/build/Makefile"));
}

TEST_F(BuildRootTest, NothingOfTheHostIsSeenOrWritten) {
  const auto victim = directory_ / "victim";
  spit(victim, "untouched");
  ::setenv("KOBOX_E2E_SECRET", "secret", 1);
  const auto log = told_by(fmt::format(
      "$(info home=$(wildcard /home/* /root/* {0}))\n"
      "$(info wrote=$(shell echo x > {0} && echo yes))\n"
      "$(info system=$(shell echo x > /usr/bin/evil && echo yes))\n"
      "$(info headers=$(shell echo x > $(srctree)/evil && echo yes))\n"
      "$(info compiler=$(wildcard /usr/bin/gcc-12) $(notdir $(wildcard /usr/bin/gcc-14)))\n"
      "$(info secret=$(KOBOX_E2E_SECRET))\n"
      "$(info processes=$(words $(wildcard /proc/[0-9]*)))\n",
      victim.string()));
  ::unsetenv("KOBOX_E2E_SECRET");
  EXPECT_THAT(log, HasSubstr("home=\n"));
  EXPECT_THAT(log, HasSubstr("wrote=\n"));
  EXPECT_THAT(log, HasSubstr("system=\n"));
  EXPECT_THAT(log, HasSubstr("headers=\n"));
  EXPECT_THAT(log, HasSubstr("compiler= gcc-14\n"));
  EXPECT_THAT(log, HasSubstr("secret=\n"));
  EXPECT_THAT(log, ContainsRegex("processes=[0-9]\n"));
  EXPECT_EQ(slurp(victim), "untouched");
}

TEST_F(BuildRootTest, ThereIsNoNetwork) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto connect =
      fmt::format("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}'", ntohs(address.sin_port));
  const auto outside = run_command({.argv = {"sh", "-c", connect}});
  ASSERT_TRUE(outside && outside->status.success()) << "bash cannot connect on the host";
  const auto log = told_by(fmt::format("$(info connected=$(shell {} && echo yes))\n", connect));
  EXPECT_THAT(log, HasSubstr("connected=\n"));
}

TEST_F(BuildRootTest, ABuildThatForksWithoutEndIsStopped) {
  const auto place = module_project("m", k_broken);
  spit(place / "Kbuild",
       "$(info $(shell i=0; while [ $$i -lt 20000 ]; do sleep 76544 & i=$$((i+1)); done; wait))\n"
       "obj-m := m.o\n");
  const auto done = test(place, {"--kernel", "7.3-cloud", "--build-in", "root"});
  const auto failure = failure_of(done.report());
  ASSERT_TRUE(failure.is_object()) << done;
  if (::geteuid() == 0) {
    EXPECT_EQ(done.code(), 4) << done;
    EXPECT_THAT(failure["message"].get<std::string>(), HasSubstr("more than 4000 processes"));
  } else {
    EXPECT_EQ(done.code(), 3) << done;  // fork(2) fails for the build itself
  }
  EXPECT_TRUE(holds_within(20s, [] { return processes_with("76544").empty(); }));
}

TEST_F(BuildRootTest, ABuildEndsWithKobox) {
  const auto place = module_project("m", k_broken);
  spit(place / "Kbuild", "$(info $(shell sleep 76545))\nobj-m := m.o\n");
  for (const int signal : {SIGKILL, SIGTERM}) {
    auto running = start(test_arguments(place, {"--kernel", "7.3-cloud", "--build-in", "root"}));
    ASSERT_TRUE(holds_within(60s, [] { return !processes_with("76545").empty(); }));
    running.signal(signal);
    running.wait();
    EXPECT_TRUE(holds_within(20s, [] { return processes_with("76545").empty(); }));
  }
}

TEST_F(BuildRootTest, OneThatIsKilledWhileItMakesARootLeavesNothingHalf) {
  use_own_roots();
  const Arguments build = {"build", quiet_module().string(), "--kernel", "5.10-cloud"};
  auto killed = start(build);
  ASSERT_TRUE(holds_within(60s, [this] { return roots().size() == 2; }));  // the lock, and half
  killed.signal(SIGKILL);
  killed.wait();
  const auto offline =
      run({"build", quiet_module().string(), "--kernel", "5.10-cloud", "--offline"});
  EXPECT_EQ(offline.code(), 4) << offline;
  EXPECT_THAT(offline.error, HasSubstr("the build root bullseye-gcc-10 is not in the cache"));

  // Two that want it at once.
  auto first = start(build);
  TempDir elsewhere = TempDir::make(directory_, "second").value();
  Running second(invocation(build), elsewhere.path());
  const auto one = first.wait();
  const auto other = second.wait();
  EXPECT_EQ(one.code(), 0) << one;
  EXPECT_EQ(other.code(), 0) << other;
  EXPECT_NE(one.error.find("making a build root") != std::string::npos,
            other.error.find("making a build root") != std::string::npos)
      << "it is made once\n"
      << one << other;
  EXPECT_THAT(roots(), ::testing::ElementsAre("bullseye-gcc-10", "bullseye-gcc-10.lock"));

  const auto list = run({"cache", "list"});
  EXPECT_THAT(list.output, ContainsRegex("build root [^\n]*bullseye-gcc-10"));
}

// No more user namespaces, and no capability to do without.
TEST_F(BuildRootTest, WithoutNamespacesTheHostsKernelsStillWork) {
  const auto without = [this](const Arguments& arguments) {
    auto one = invocation(arguments);
    one.prefix = {"unshare",
                  "--user",
                  "--map-root-user",
                  "sh",
                  "-c",
                  "echo 0 > /proc/sys/user/max_user_namespaces && "
                  "exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"",
                  "sh"};
    return run(one);
  };
  const auto refused = without({"build", quiet_module().string(), "--kernel", "7.3-cloud"});
  EXPECT_EQ(refused.code(), 4) << refused;
  EXPECT_THAT(refused.error, HasSubstr("sysctl user.max_user_namespaces="));
  const auto host = without({"build", quiet_module().string(), "--kernel", "6.1-cloud"});
  EXPECT_EQ(host.code(), 0) << host;
}

}  // namespace
}  // namespace kobox::e2e
