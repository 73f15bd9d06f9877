// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  int reached() const { return levels_reached(module(), list_sources(module(), {}).value()); }
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
