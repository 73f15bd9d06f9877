// SPDX-License-Identifier: GPL-2.0-or-later
// kobox needs no root: its main cases as an ordinary user, with a HOME and nothing set besides.
// When root runs these tests, kobox itself runs as nobody.
#include <fmt/format.h>
#include <unistd.h>

#include "kobox_test.h"

namespace kobox::e2e {
namespace {

constexpr uid_t k_nobody = 65534;

class UnprivilegedTest : public KoboxTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
    home_ = directory_ / "home";
    fs::create_directories(home_ / ".cache/kobox/kernels");
    // The sources, and kobox as one has it who was given it: readable, no more.
    for (const auto* name : {"modules/qemu_exercise", "tests/e2e/modules/quiet"})
      copy(source_directory() / name, directory_ / "source" / name);
    copy(binary(), directory_ / "kobox/bin/kobox");
    copy(binary().parent_path().parent_path() / "libexec/kobox/kobox-agent",
         directory_ / "kobox/libexec/kobox/kobox-agent");
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / "source"))
      fs::permissions(entry.path(),
                      fs::perms::group_read | fs::perms::others_read |
                          (entry.is_directory() ? fs::perms::others_exec : fs::perms::none),
                      fs::perm_options::add);
  }
  static void copy(const fs::path& from, const fs::path& to) {
    fs::create_directories(to.parent_path());
    fs::copy(from, to, fs::copy_options::recursive);
  }
  // Into the user's own cache; with everything in it that kobox has to write beside.
  void copy_kernel() {
    for (const auto& entry : fs::directory_iterator(shared_cache() / "kobox/kernels")) {
      const auto name = entry.path().filename().string();
      if (!entry.is_directory() || !name.starts_with("6.1.") || !name.ends_with("-cloud-amd64"))
        continue;
      const auto copied = run_command(
          {.argv = {"cp", "-a", entry.path().string(), (home_ / ".cache/kobox/kernels").string()}});
      ASSERT_TRUE(copied && copied->status.success());
    }
  }
  Finished run_as_user(const Arguments& arguments, const std::string& input = "") {
    if (::geteuid() == 0) {
      const auto owned =
          run_command({.argv = {"chown", "-R", fmt::format("{0}:{0}", k_nobody), home_.string()}});
      EXPECT_TRUE(owned && owned->status.success());
    }
    return run(as_user(arguments, input));
  }
  Invocation as_user(const Arguments& arguments, const std::string& input) const {
    Invocation one{.arguments = arguments,
                   .input = input,
                   .environment = {{"HOME", home_.string()},
                                   {"XDG_CACHE_HOME", ""},
                                   {"XDG_STATE_HOME", ""},
                                   {"XDG_RUNTIME_DIR", ""},
                                   {"KOBOX_AGENT", ""}},
                   .cwd = home_,
                   .prefix = {}};
    if (::geteuid() == 0)
      one.prefix = {"setpriv", fmt::format("--reuid={}", k_nobody),
                    fmt::format("--regid={}", k_nobody), "--clear-groups", "--no-new-privs"};
    // This kobox, not the one that may lie in a directory that is root's alone.
    one.prefix.insert(one.prefix.end(), {"sh", "-c", "shift; exec \"$kobox\" \"$@\"", "sh"});
    one.environment.emplace_back("kobox", (directory_ / "kobox/bin/kobox").string());
    return one;
  }
  fs::path source(const std::string& name) const { return directory_ / "source" / name; }

  fs::path home_;
};

TEST_F(UnprivilegedTest, TestsBuildsAndRunsAShell) {
  copy_kernel();
  const auto exercise = source("modules/qemu_exercise").string();
  const auto tested = run_as_user({"test", exercise, "--kernel", "6.1-cloud", "--accel", "tcg",
                                   "--offline", "--format", "json"});
  EXPECT_EQ(tested.code(), 0) << tested;
  EXPECT_EQ(tested.report()["verdict"], "pass") << tested;
  EXPECT_GT(tested.report()["runs"][0]["tests"].size(), 20U);

  const auto built = run_as_user({"build", exercise, "--kernel", "6.1-cloud", "--offline"});
  EXPECT_EQ(built.code(), 0) << built;
  EXPECT_THAT(built.output, HasSubstr("  unchanged  " + home_.string() + "/.cache/kobox/"));

  const auto shell =
      run_as_user({"shell", exercise, "--kernel", "6.1-cloud", "--accel", "auto", "--offline"},
                  "id -u; cat /dev/qemu_exercise\n");
  EXPECT_EQ(shell.code(), 0) << shell;
  EXPECT_EQ(shell.output, "0\nHello from QEMU!") << shell;

  const auto listed = run_as_user({"cache", "list"});
  EXPECT_EQ(listed.code(), 0) << listed;
  // Nothing outside of the XDG directories.
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(home_)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre(".cache", ".local"));
}

// Without ranges in /etc/subuid, thus under fakechroot: the same bytes as root's.
TEST_F(UnprivilegedTest, BuildsADiskImage) {
  copy_kernel();
  const auto image = [](const Finished& listed) { return listed.report()["images"].at(0); };
  const auto built = run_as_user({"image", "build"});
  ASSERT_EQ(built.code(), 0) << built;
  const auto mine = image(run_as_user({"image", "list", "--format", "json"}));
  const auto shared = image(run({"image", "list", "--format", "json"}));
  EXPECT_GT(mine["packages"].size(), 200U);
  if (mine["packages"] == shared["packages"]) {  // the archive has had no update since
    EXPECT_EQ(mine["identity"], shared["identity"]);
  }
}

TEST_F(UnprivilegedTest, ACacheThatIsSomebodyElses) {
  fs::remove_all(home_ / ".cache/kobox");
  fs::permissions(home_ / ".cache", fs::perms::owner_read | fs::perms::owner_exec |
                                        fs::perms::others_read | fs::perms::others_exec);
  const auto done = run(as_user({"test", source("tests/e2e/modules/quiet").string(), "--kernel",
                                 "6.1-cloud", "--accel", "tcg"},
                                ""));
  EXPECT_EQ(done.code(), 4) << done;
  EXPECT_THAT(done.output, HasSubstr(home_.string() + "/.cache/kobox"));
  EXPECT_THAT(done.output, HasSubstr("Permission denied"));
}

// Two at once on an empty cache: one of them fetches.
TEST_F(UnprivilegedTest, FetchesAKernelOnce) {
  const Arguments fetch = {"kernel", "fetch", "6.1-cloud"};
  const auto first_use = run_as_user({"kernel", "list", "--offline"});
  auto one = start(as_user(fetch, ""));
  auto other = start(as_user(fetch, ""));
  const auto first = one.wait();
  const auto second = other.wait();
  EXPECT_EQ(first.code(), 0) << first;
  EXPECT_EQ(second.code(), 0) << second;
  const auto fetched = [](const Finished& done) {
    return done.error.find("to download") != std::string::npos ? 1 : 0;
  };
  EXPECT_EQ(fetched(first) + fetched(second), 1) << first << second;
  const auto shown = run_as_user({"kernel", "show", "6.1-cloud", "--offline"});
  EXPECT_EQ(shown.code(), 0) << shown;
  EXPECT_THAT(shown.output, HasSubstr("-cloud-amd64"));
}

}  // namespace
}  // namespace kobox::e2e
