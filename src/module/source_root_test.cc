// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/child.h"
#include "base/files.h"
#include "module/seen_paths.h"

namespace kobox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SourceRootTest : public ::testing::Test {
 protected:
  SourceRootTest() { put("a/drv/x.c", "int x;\n"); }

  void put(const std::string& name, std::string_view text) {
    EXPECT_TRUE(write_file(path() / name, text));
  }
  fs::path path() const { return fs::canonical(directory_.path()); }
  fs::path module() const { return path() / "a/drv"; }
  int reached() const {
    const auto entries = list_sources(module(), {}, {.outer_links = OuterLinks::listed});
    return levels_reached(module(), entries.value());
  }
  Sources sources(const std::optional<fs::path>& root = {}) const {
    auto found = find_sources(module(), root, {});
    EXPECT_TRUE(found) << found.error().to_string();
    return found.value_or(Sources{});
  }
  static std::vector<std::string> names(const Sources& sources) {
    std::vector<std::string> found;
    for (const auto& entry : sources.entries) found.push_back(entry.relative);
    return found;
  }
  void git(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {"git", "-C", path().string()};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto done = run_command({.argv = argv});
    ASSERT_TRUE(done && done->status.success());
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-root-test").value();
};

TEST_F(SourceRootTest, ADirectoryThatHasAllItNeedsIsTakenAlone) {
  put("a/drv/Makefile", "obj-m := x.o  # see ... and a..b, v1..2\n");
  put("a/drv/x.c", "/* ../../elsewhere */ #define D \"..\"\n");
  put("a/other.h", "");
  EXPECT_EQ(reached(), 0);
  EXPECT_EQ(sources().top, module());
  EXPECT_EQ(sources().inside, "");
}

TEST_F(SourceRootTest, DotsInMakefilesIncludesAndLinksReachUp) {
  put("a/drv/Makefile", "ccflags-y := -I$(src)/../include\n");
  EXPECT_EQ(reached(), 1);
  put("a/drv/Makefile", "all:\n\tmake -C .. \n");
  EXPECT_EQ(reached(), 1);
  put("a/drv/Kbuild", "x-y := ../../lib/a.o\n");
  EXPECT_EQ(reached(), 2);
  put("a/drv/Makefile", "");
  put("a/drv/Kbuild", "");
  put("a/drv/sub/y.c", "#include \"../x.h\"\n");
  EXPECT_EQ(reached(), 0) << "it stays inside";
  put("a/drv/sub/y.c", "# include \"../../../common.h\"\n");
  EXPECT_EQ(reached(), 2);
  put("a/drv/sub/y.c", "");
  fs::create_symlink("../shared", module() / "shared");
  EXPECT_EQ(reached(), 1);
  put("file.h", "");
  fs::create_symlink(path() / "file.h", module() / "file.h");
  EXPECT_EQ(reached(), 1) << "a file that is linked is copied";
}

TEST_F(SourceRootTest, ALinkToAFileElsewhereLeavesTheDirectoryAlone) {
  put("common/common.c", "common");
  fs::create_symlink(path() / "common/common.c", module() / "common.c");
  const auto found = sources();
  EXPECT_EQ(found.top, module());
  EXPECT_THAT(names(found), ElementsAre("common.c", "x.c"));
}

TEST_F(SourceRootTest, ALinkToADirectoryElsewhereIsFollowedWhereTheTopDoesNotHoldIt) {
  put("a/include/shared.h", "");
  fs::create_symlink("../include", module() / "include");
  auto found = sources();
  EXPECT_EQ(found.top, path() / "a");
  ASSERT_THAT(names(found), ElementsAre("drv/include", "drv/x.c", "include/shared.h"));
  EXPECT_EQ(found.entries[0].link, "../include");
  found = sources(module());
  EXPECT_THAT(names(found), ElementsAre("include/shared.h", "x.c"));
}

// The home directory is never copied.
class SourceRootBelowHome : public SourceRootTest {
 protected:
  SourceRootBelowHome() {
    const auto link = path() / "home-link";
    fs::create_directory_symlink(path() / "a", link);
    ::setenv("HOME", link.c_str(), 1);
    put("a/work/drv/x.c", "");
    put("a/work/include/shared.h", "");
    put("a/work/drv/Makefile", "ccflags-y := -I$(src)/../../../../../../usr/include\n");
  }
  ~SourceRootBelowHome() override {
    if (home_)
      ::setenv("HOME", home_->c_str(), 1);
    else
      ::unsetenv("HOME");
  }
  fs::path top() const {
    return find_sources(path() / "a/work/drv", std::nullopt, {}).value_or(Sources{}).top;
  }

 private:
  std::optional<std::string> home_ = std::getenv("HOME") == nullptr
                                         ? std::nullopt
                                         : std::optional<std::string>(std::getenv("HOME"));
};

TEST_F(SourceRootBelowHome, AReachTooFarGetsWhatItMayHave) { EXPECT_EQ(top(), path() / "a/work"); }

TEST_F(SourceRootBelowHome, AReachTooFarGetsGitsTop) {
  put("a/work/deep/drv/Makefile", "all: ; cp $(PWD)/../../../../../../../../x .\n");
  fs::create_directories(path() / "a/work/deep/.git");
  EXPECT_EQ(find_sources(path() / "a/work/deep/drv", std::nullopt, {}).value().top,
            path() / "a/work/deep");
}

TEST_F(SourceRootTest, AsFarUpAsItReaches) {
  put("a/drv/Makefile", "ccflags-y := -I$(PWD)/../include\n");
  put("a/include/shared.h", "");
  const auto found = sources();
  EXPECT_EQ(found.top, path() / "a");
  EXPECT_EQ(found.inside, "drv");
  EXPECT_THAT(names(found), ElementsAre("drv/Makefile", "drv/x.c", "include/shared.h"));
}

TEST_F(SourceRootTest, OfAGitWorkTreeAllThatGitSees) {
  git({"init", "-q"});
  put(".gitignore", "*.bin\n");
  put("a/include/shared.h", "");
  put("a/include/large.bin", "ignored");
  put("a/drv/own.bin", "the module's own directory is taken whole");
  put("a/drv/Makefile", "ccflags-y := -I$(PWD)/../include\n");
  const auto found = sources();
  EXPECT_EQ(found.top, path());
  EXPECT_EQ(found.inside, "a/drv");
  EXPECT_THAT(names(found), ElementsAre(".gitignore", "a/drv/Makefile", "a/drv/own.bin",
                                        "a/drv/x.c", "a/include/shared.h"));
}

TEST_F(SourceRootTest, ASubmoduleIsTakenWhole) {
  git({"init", "-q"});
  put("lib/.git/HEAD", "");
  git({"update-index", "--add", "--cacheinfo",
       "160000,0123456789012345678901234567890123456789,lib"});
  put("lib/src/lib.h", "");
  put("a/drv/Makefile", "ccflags-y := -I$(PWD)/../../lib/src\n");
  EXPECT_THAT(names(sources()), ::testing::Contains("lib/src/lib.h"));
}

TEST_F(SourceRootTest, ARepositoryInsideIsTakenWhole) {
  git({"init", "-q"});
  git({"init", "-q", "lib"});
  put("lib/src/lib.h", "");
  put("a/drv/Makefile", "ccflags-y := -I$(PWD)/../../lib/src\n");
  EXPECT_THAT(names(sources()), ::testing::Contains("lib/src/lib.h"));
}

TEST_F(SourceRootTest, TheWorkTreesConfigurationRunsNothing) {
  git({"init", "-q"});
  git({"config", "core.fsmonitor", "touch " + (path() / "ran").string() + "; false"});
  put("a/drv/Makefile", "ccflags-y := -I$(PWD)/../../lib\n");
  EXPECT_EQ(sources().top, path());
  EXPECT_FALSE(fs::exists(path() / "ran"));
}

// In a hook of git's, kobox inherits the name of the repository whose hook it is.
TEST_F(SourceRootTest, TheRepositoryIsTheDirectorysNotTheEnvironments) {
  git({"init", "-q"});
  put(".gitignore", "*.bin\n");
  put("large.bin", "");
  put("a/drv/Makefile", "ccflags-y := -I$(PWD)/../../lib\n");
  ::setenv("GIT_DIR", "/nonexistent", 1);
  const auto found = sources();
  ::unsetenv("GIT_DIR");
  EXPECT_THAT(names(found), ::testing::Not(::testing::Contains("large.bin")));
}

// Module.symvers of another directory may be meant for KBUILD_EXTRA_SYMBOLS.
TEST_F(SourceRootTest, ProductsAreThoseOfTheModulesDirectory) {
  for (const auto* name : {"Module.symvers", "a/bus/Module.symvers", "a/drv/Module.symvers",
                           "kobox.toml", "a/drv/kobox.toml", "a/bus/kobox.toml"})
    put(name, "");
  EXPECT_THAT(names(sources(path())),
              ElementsAre("Module.symvers", "a/bus/Module.symvers", "a/drv/x.c"));
}

TEST_F(SourceRootTest, TheRootThatIsNamed) {
  EXPECT_EQ(sources(path()).inside, "a/drv");
  EXPECT_EQ(sources(module()).inside, "");
  put("b/x", "");
  const auto refused = find_sources(module(), path() / "b", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::usage);
  EXPECT_THAT(refused.error().message(), HasSubstr("does not hold the module's directory"));
}

TEST(SeenPaths, AreRelativeToTheModulesDirectory) {
  const SeenPaths paths("/module/a/drv", "/module");
  EXPECT_EQ(paths.relative("/module/a/drv/x.c"), "x.c");
  EXPECT_EQ(paths.relative("/module/a/drv/../shared/x.c"), "../shared/x.c");
  EXPECT_EQ(paths.relative("/module/lib/x.c"), "../../lib/x.c");
  EXPECT_EQ(paths.relative("/usr/x.c"), "/usr/x.c");
  EXPECT_TRUE(paths.hold("/module/lib/x.c"));
  EXPECT_FALSE(paths.hold("/modules/x.c"));
  std::string text = "/module/a/drv/x.c and /module/lib/y.c, /module/lib/z.c";
  paths.make_relative(text);
  EXPECT_EQ(text, "x.c and ../../lib/y.c, ../../lib/z.c");
  EXPECT_EQ(SeenPaths("/copy").relative("/copy/x.c"), "x.c");
}

}  // namespace
}  // namespace kobox
