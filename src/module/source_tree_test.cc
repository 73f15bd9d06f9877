// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/source_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/interrupt.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SourceTreeTest : public ::testing::Test {
 protected:
  void put(const fs::path& relative, std::string_view text = "x") {
    ASSERT_TRUE(write_file(source() / relative, text));
  }
  fs::path source() const { return directory_.path() / "module"; }
  fs::path copy() const { return directory_.path() / "copy"; }
  fs::path manifest() const { return directory_.path() / "manifest"; }

  std::vector<std::string> names() {
    std::vector<std::string> result;
    const auto entries = list_sources(source(), {}).value();
    for (const auto& entry : entries) result.push_back(entry.relative.string());
    return result;
  }
  std::string sync() {
    auto digest = sync_sources(list_sources(source(), {}).value(), copy(), manifest());
    EXPECT_TRUE(digest) << digest.error().to_string();
    return digest.value_or("");
  }
  // Times far in the past, so that a rewrite shows.
  void age(const fs::path& relative) { fs::last_write_time(copy() / relative, old_); }
  bool untouched(const fs::path& relative) {
    return fs::last_write_time(copy() / relative) == old_;
  }

  TempDir directory_ = TempDir::make(fs::temp_directory_path(), "kobox-tree-test").value();
  fs::file_time_type old_ = fs::file_time_type::clock::now() - std::chrono::hours(5);
};

TEST_F(SourceTreeTest, LeavesOutWhatKbuildAndEditorsMake) {
  for (const auto* name :
       {"Kbuild", "x.c", "x.h", "lib/y.c", "blob.o_shipped", ".config", "lib/Module.symvers"})
    put(name);
  for (const auto* name :
       {"x.o", "x.ko", "x.mod", "x.mod.c", "x.mod.o", ".x.o.cmd", "Module.symvers", "modules.order",
        "lib/modules.order", ".module-common.o", ".tmp_versions/x", ".git/HEAD", ".cache/kobox/y.c",
        "x.c~", ".x.c.swp", ".#x.c", "#x.c#", "kobox.toml", "x.ko.xz"})
    put(name);
  EXPECT_THAT(names(), ElementsAre(".config", "Kbuild", "blob.o_shipped", "lib/Module.symvers",
                                   "lib/y.c", "x.c", "x.h"));
}

TEST_F(SourceTreeTest, LeavesOutTheCacheInside) {
  put("x.c");
  put("cache/builds/x.c");
  const auto entries = list_sources(source(), source() / "cache").value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].relative, "x.c");
}

TEST_F(SourceTreeTest, CopiesAndKeepsTimesOfWhatDidNotChange) {
  put("x.c", "one");
  put("sub/y.c", "two");
  const auto first = sync();
  age("x.c");
  age("sub/y.c");
  put("sub/y.c", "new");
  const auto second = sync();
  EXPECT_NE(first, second);
  EXPECT_TRUE(untouched("x.c"));
  EXPECT_FALSE(untouched("sub/y.c"));
  EXPECT_EQ(read_file(copy() / "sub/y.c").value(), "new");
  put("sub/y.c", "two");
  EXPECT_EQ(sync(), first);
}

TEST_F(SourceTreeTest, ProductsStayUntilASourceVanishes) {
  put("x.c");
  put("y.c");
  sync();
  ASSERT_TRUE(write_file(copy() / "y.o", "object"));
  ASSERT_TRUE(write_file(copy() / "generated.h", "made by the Makefile"));
  put("z.c");
  sync();
  EXPECT_TRUE(fs::exists(copy() / "y.o"));
  EXPECT_TRUE(fs::exists(copy() / "generated.h"));
  fs::remove(source() / "y.c");
  sync();
  EXPECT_FALSE(fs::exists(copy() / "y.o"));
  EXPECT_FALSE(fs::exists(copy() / "y.c"));
  EXPECT_TRUE(fs::exists(copy() / "z.c"));
}

TEST_F(SourceTreeTest, FilesAndDirectoriesMayTakeEachOthersPlace) {
  put("thing", "file");
  put("other/x.c");
  sync();
  fs::remove_all(source() / "thing");
  fs::remove_all(source() / "other");
  put("thing/x.c", "below");
  put("other", "now a file");
  sync();
  EXPECT_EQ(read_file(copy() / "thing/x.c").value(), "below");
  EXPECT_EQ(read_file(copy() / "other").value(), "now a file");
}

TEST_F(SourceTreeTest, WithoutAManifestTheCopyStartsAfresh) {
  put("x.c");
  sync();
  ASSERT_TRUE(write_file(copy() / "gone.o", ""));
  fs::remove(manifest());
  sync();
  EXPECT_FALSE(fs::exists(copy() / "gone.o"));
}

TEST_F(SourceTreeTest, ASyncCutShortStartsAfresh) {
  put("x.c");
  sync();
  ASSERT_TRUE(write_file(copy() / "half.c", "copied before the interrupt"));
  put("y.c");
  const auto entries = list_sources(source(), {}).value();
  interrupt();
  const auto cut = sync_sources(entries, copy(), manifest());
  reset_interrupt_for_testing();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind(), ErrorKind::interrupted);
  sync();
  EXPECT_FALSE(fs::exists(copy() / "half.c"));
}

TEST_F(SourceTreeTest, DigestKnowsNamesContentsModesAndLinks) {
  put("a.c", "x");
  std::vector<std::string> digests = {sync()};
  fs::permissions(source() / "a.c", fs::perms(0755));
  digests.push_back(sync());
  EXPECT_EQ(fs::status(copy() / "a.c").permissions(), fs::perms(0755));
  fs::rename(source() / "a.c", source() / "b.c");
  digests.push_back(sync());
  fs::create_symlink("b.c", source() / "l.c");
  digests.push_back(sync());
  put("c.c");
  digests.push_back(sync());
  fs::remove(source() / "l.c");
  fs::create_symlink("c.c", source() / "l.c");
  digests.push_back(sync());
  for (std::size_t i = 1; i < digests.size(); ++i) EXPECT_NE(digests[i - 1], digests[i]) << i;
}

TEST_F(SourceTreeTest, LinksInsideStayLinks) {
  put("real.c", "bytes");
  put("inc/x.h");
  fs::create_directories(source() / "sub");
  fs::create_symlink("../real.c", source() / "sub/link.c");
  fs::create_symlink(source() / "inc", source() / "sub/inc");  // absolute
  fs::create_symlink("nowhere", source() / "dangling");
  fs::create_symlink("..", source() / "sub/up");  // a loop for whoever follows it
  sync();
  EXPECT_EQ(fs::read_symlink(copy() / "sub/link.c"), "../real.c");
  EXPECT_EQ(fs::read_symlink(copy() / "sub/inc"), "../inc");
  EXPECT_EQ(fs::read_symlink(copy() / "dangling"), "nowhere");
  EXPECT_EQ(read_file(copy() / "sub/link.c").value(), "bytes");
  EXPECT_EQ(fs::canonical(copy() / "sub/up"), fs::canonical(copy()));
}

TEST_F(SourceTreeTest, LinksToFilesOutsideAreCopied) {
  put("x.c");
  ASSERT_TRUE(write_file(directory_.path() / "common/shared.c", "shared"));
  fs::create_symlink("../common/shared.c", source() / "shared.c");
  put(".store/annexed", "annexed");
  fs::create_symlink(".store/annexed", source() / "annexed.c");
  sync();
  EXPECT_FALSE(fs::is_symlink(copy() / "shared.c"));
  EXPECT_EQ(read_file(copy() / "shared.c").value(), "shared");
  EXPECT_EQ(read_file(copy() / "annexed.c").value(), "annexed");
}

TEST_F(SourceTreeTest, AFileMayBecomeALinkAndBack) {
  put("x.c", "x");
  put("y.c", "y");
  sync();
  fs::remove(source() / "y.c");
  fs::create_symlink("x.c", source() / "y.c");
  sync();
  EXPECT_TRUE(fs::is_symlink(copy() / "y.c"));
  fs::remove(source() / "y.c");
  put("y.c", "y");
  sync();
  EXPECT_FALSE(fs::is_symlink(copy() / "y.c"));
  EXPECT_EQ(read_file(copy() / "x.c").value(), "x");
}

// What runs in the copy is not trusted.
TEST_F(SourceTreeTest, ALinkThatABuildLeftInTheWayIsNotFollowed) {
  put("sub/x.c", "x");
  put("y.c", "y");
  sync();
  const auto victim = directory_.path() / "victim";
  ASSERT_TRUE(write_file(victim / "x.c", "the user's"));
  fs::remove_all(copy() / "sub");
  fs::create_directory_symlink(victim, copy() / "sub");
  sync();
  EXPECT_EQ(read_file(victim / "x.c").value(), "the user's");
  EXPECT_FALSE(fs::is_symlink(copy() / "sub"));
  EXPECT_EQ(read_file(copy() / "sub/x.c").value(), "x");
}

// A build that runs on the host would write through such a link.
TEST_F(SourceTreeTest, LinksToDirectoriesOutsideAreCopied) {
  put("x.c");
  const auto common = directory_.path() / "common";
  for (const auto* name : {"a.c", "a.o", ".git/HEAD", "sub/b.h", "sub/Module.symvers"})
    ASSERT_TRUE(write_file(common / name, name));
  fs::create_symlink("sub/b.h", common / "b.h");
  fs::create_symlink(source() / "x.c", common / "back.c");
  fs::create_symlink("../common", source() / "relative");
  fs::create_symlink(common / "sub", source() / "absolute");
  put(".store/c.c");
  fs::create_symlink(".store", source() / "annexed");
  EXPECT_THAT(names(), ElementsAre("absolute/Module.symvers", "absolute/b.h", "annexed/c.c",
                                   "relative/a.c", "relative/b.h", "relative/back.c",
                                   "relative/sub/Module.symvers", "relative/sub/b.h", "x.c"));
  const auto first = sync();
  EXPECT_FALSE(fs::is_symlink(copy() / "relative"));
  EXPECT_EQ(read_file(copy() / "relative/sub/b.h").value(), "sub/b.h");
  EXPECT_EQ(fs::read_symlink(copy() / "relative/b.h"), "sub/b.h");
  EXPECT_EQ(fs::read_symlink(copy() / "relative/back.c"), "../x.c");
  ASSERT_TRUE(write_file(common / "a.c", "changed"));
  EXPECT_NE(sync(), first) << "its files are in the digest";
}

TEST_F(SourceTreeTest, LinksThatComeBackDoNotGoOnForever) {
  put("x.c");
  const auto one = directory_.path() / "one";
  const auto two = directory_.path() / "two";
  ASSERT_TRUE(write_file(one / "a.h", ""));
  ASSERT_TRUE(write_file(two / "b.h", ""));
  fs::create_symlink(two, one / "two");
  fs::create_symlink(one, two / "one");
  fs::create_symlink(one, source() / "one");
  fs::create_symlink("..", source() / "holds-the-module");
  EXPECT_THAT(names(), ElementsAre("one/a.h", "one/two/b.h", "one/two/one", "x.c"));
  sync();
  EXPECT_EQ(fs::read_symlink(copy() / "one/two/one"), "..");
  EXPECT_TRUE(fs::exists(copy() / "one/two/one/a.h"));
}

// Each shows all that the one before it shows, twice.
TEST_F(SourceTreeTest, LinksThatMultiplyAreRefused) {
  put("x.c");
  const auto place = [&](int i) { return directory_.path() / fmt::format("d{}", i); };
  for (int i = 0; i < 12; ++i) {
    fs::create_directories(place(i));
    for (const auto* name : {"left", "right"}) fs::create_symlink(place(i + 1), place(i) / name);
  }
  fs::create_directories(place(12));
  fs::create_symlink(place(0), source() / "first");
  const auto entries = list_sources(source(), {}, {.limits = {.files = 1000}});
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().kind(), ErrorKind::usage);
  EXPECT_THAT(entries.error().message(), HasSubstr("the link first leads to"));
}

// A build might write there.
TEST_F(SourceTreeTest, LinksThatLeadOutsideToNothingAreLeftOut) {
  put("x.c");
  fs::create_symlink(directory_.path() / "nothing", source() / "log");
  fs::create_symlink("../nothing", source() / "out");
  fs::create_symlink(source() / "later", source() / "inside");
  EXPECT_THAT(names(), ElementsAre("inside", "x.c"));
  sync();
  EXPECT_EQ(fs::read_symlink(copy() / "inside"), "later");
}

TEST_F(SourceTreeTest, LinksThatLeadOutsideCanBeListed) {
  put("x.c");
  fs::create_directories(directory_.path() / "common");
  fs::create_symlink("../common", source() / "common");
  const auto entries = list_sources(source(), {}, {.outer_links = OuterLinks::listed}).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].link, "../common");
}

TEST_F(SourceTreeTest, PipesAreNotRead) {
  put("x.c");
  ASSERT_EQ(::mkfifo((source() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(names(), ElementsAre("x.c"));
}

TEST_F(SourceTreeTest, TooMuchIsRefused) {
  put("x.c", std::string(600, 'x'));
  put("y.c", std::string(600, 'x'));
  for (const auto& limits :
       {SourceLimits{.bytes = 1000, .files = 10}, SourceLimits{.bytes = 9999, .files = 1}}) {
    auto entries = list_sources(source(), {}, {.limits = limits});
    ASSERT_FALSE(entries);
    EXPECT_EQ(entries.error().kind(), ErrorKind::usage);
    EXPECT_THAT(entries.error().message(),
                AllOf(HasSubstr(source().string()), HasSubstr("too much to copy")));
  }
  EXPECT_TRUE(list_sources(source(), {}, {.limits = {.bytes = 1200, .files = 2}}));
}

}  // namespace
}  // namespace kobox
