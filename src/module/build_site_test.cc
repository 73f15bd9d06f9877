// SPDX-License-Identifier: GPL-2.0-or-later
// Needs bwrap, and a static busybox, which stands for all programs of a build root.
#include "module/build_site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/files.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* k_release = "6.8.0-31-generic";

class BuildSiteTest : public ::testing::Test {
 protected:
  BuildSiteTest() {
    put("cache/roots/trixie-gcc-14/root.json",
        R"({"schema": "kobox.root/1", "needs": ["gcc-14"], "identity": "1"})");
    for (const auto* file : {k_root_release, k_root_preload})
      put("cache/roots/trixie-gcc-14/root" + std::string(file), "");
    fs::create_directories(root() / "usr/bin");
    fs::copy_file(find_program("busybox").value(), root() / "usr/bin/busybox");
    for (const auto* name : {"sh", "cat"}) fs::create_symlink("busybox", root() / "usr/bin" / name);
    for (const auto* name : {"usr/src", "usr/lib/modules", "usr/lib64", "usr/sbin"})
      fs::create_directories(root() / name);
    put("preload", "");
    ::setenv("KOBOX_UNAME", (directory_.path() / "preload").c_str(), 1);
  }
  ~BuildSiteTest() override { ::unsetenv("KOBOX_UNAME"); }

  fs::path root() const { return directory_.path() / "cache/roots/trixie-gcc-14/root"; }
  void put(const fs::path& relative, std::string_view text) const {
    EXPECT_TRUE(write_file(directory_.path() / relative, text));
  }
  Result<BuildSite> choose(BuildIn where, const fs::path& headers,
                           const std::string& compiler = "gcc-14") const {
    return BuildSite::choose({.source = directory_.path() / "source",
                              .cache = directory_.path() / "cache",
                              .where = where,
                              .network = Network::forbidden},
                             {.release = k_release, .headers = headers, .compiler = compiler});
  }
  BuildSite in_root(const fs::path& headers) const {
    auto site = choose(BuildIn::root, headers);
    EXPECT_TRUE(site) << site.error().to_string();
    return std::move(*site);
  }
  std::string refusal(BuildIn where, const fs::path& headers, const std::string& compiler) const {
    const auto site = choose(where, headers, compiler);
    EXPECT_FALSE(site);
    return site ? "" : site.error().to_string();
  }
  BuildPlace place() const { return {directory_.path() / "place"}; }
  // What a shell's command in the site says.
  std::string told(const BuildSite& site, const std::string& command) const {
    put("place/src/Kbuild", "");
    EXPECT_TRUE(site.prepare(place()));
    const auto line = site.command(place(), {.words = {"sh", "-c", command}}).value();
    const auto done = run_command(line, {.deadline = Deadline::after(30s)}, Streams::merged);
    EXPECT_TRUE(done) << done.error().to_string();
    return done ? done->output : "";
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-site-test").value();
};

// Its build tree has links into the tree of all flavours beside it, and no linux-kbuild.
TEST_F(BuildSiteTest, UbuntusHeadersAreSeenWithWhatTheyLeadTo) {
  put("h/usr/src/linux-headers-6.8.0-31/include/x.h", "shared");
  const auto tree = directory_.path() / "h/usr/src/linux-headers-6.8.0-31-generic";
  put("h/usr/src/linux-headers-6.8.0-31-generic/Makefile", "all:\n");
  fs::create_directory_symlink("../linux-headers-6.8.0-31/include", tree / "include");
  const auto site = in_root(tree);
  EXPECT_EQ(site.headers(), "/usr/src/linux-headers-6.8.0-31-generic");
  EXPECT_EQ(told(site, "cat " + site.headers().string() + "/include/x.h"), "shared");
  EXPECT_EQ(told(site, "cat /lib/modules/" + std::string(k_release) + "/build/Makefile"), "all:\n");
}

TEST_F(BuildSiteTest, AnOwnTreeIsAtItsOwnPath) {
  put("linux/Makefile", "all:\n");
  const auto tree = directory_.path() / "linux";
  EXPECT_EQ(told(in_root(tree), "cat " + (tree / "Makefile").string()), "all:\n");
}

TEST_F(BuildSiteTest, WhereTheHeadersAreTheBuildLinkThereIsNone) {
  for (const std::string prefix : {"/lib/modules/", "/usr/lib/modules/"}) {
    const auto headers = prefix + k_release + "/build";
    const auto command = in_root(headers).command(place(), {.words = {"true"}});
    ASSERT_TRUE(command);
    EXPECT_THAT(command->to_string(), Not(HasSubstr("--symlink " + headers)));
    EXPECT_THAT(command->to_string(), HasSubstr(" " + headers + " --ro-bind"));
  }
}

TEST_F(BuildSiteTest, WhatIsMountedInTheRootsOwnDirectoriesGetsMountPoints) {
  const std::pair<const char*, const char*> cases[] = {{"/usr/share/kobox-none/linux", "usr/share"},
                                                       {"/etc/kobox-none/linux", "etc"},
                                                       {"/lib/kobox-none/linux", "usr/lib"}};
  for (const auto& [headers, below] : cases) {
    EXPECT_TRUE(in_root(headers).prepare(place()));
    EXPECT_TRUE(fs::is_directory(root() / below / "kobox-none/linux")) << headers;
  }
  EXPECT_TRUE(in_root("/usr/src/kobox-none").prepare(place()));
  EXPECT_FALSE(fs::exists(root() / "usr/src/kobox-none")) << "a directory of the sandbox's own";
}

TEST_F(BuildSiteTest, ACommandWritesNothing) {
  const auto site = in_root("/usr/share/kobox-none/linux");
  EXPECT_TRUE(site.command(place(), {.words = {"true"}}));
  EXPECT_FALSE(fs::exists(place().directory));
  EXPECT_FALSE(fs::exists(root() / "usr/share"));
}

TEST_F(BuildSiteTest, WhatCannotBeBuiltSaysTheOtherWay) {
  EXPECT_THAT(refusal(BuildIn::root, "/none", ""),
              AllOf(HasSubstr("an unknown compiler"), HasSubstr("--build-in host")));
  EXPECT_THAT(refusal(BuildIn::host, "/none", "gcc-99"), HasSubstr("--build-in root"));
  const auto modpost = directory_.path() / "tree/scripts/mod/modpost";
  put("tree/scripts/mod/modpost", "#!/bin/sh\necho \"version GLIBC_2.99 not found\"\n");
  // A file that cannot be run says nothing of the C library.
  EXPECT_THAT(refusal(BuildIn::host, directory_.path() / "tree", ""),
              AllOf(HasSubstr("modpost"), Not(HasSubstr("newer C library"))));
  ASSERT_EQ(::chmod(modpost.c_str(), 0755), 0);
  EXPECT_THAT(refusal(BuildIn::host, directory_.path() / "tree", ""),
              AllOf(HasSubstr("newer C library"), HasSubstr("--build-in root")));
}

}  // namespace
}  // namespace kobox
