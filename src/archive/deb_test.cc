// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/deb.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "archive/made_files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

class DebTest : public DirectoryTest {
 protected:
  Result<> unpack(std::string_view deb) {
    write("x.deb", deb);
    EXPECT_TRUE(make_directories(path() / "to"));
    const Placement all = [](std::string_view entry) -> std::optional<fs::path> {
      return fs::path(entry);
    };
    return unpack_deb(path() / "x.deb", path() / "to", all, [](std::uint64_t) {});
  }
  std::string refusal(const std::vector<TarEntry>& entries) {
    const auto result = unpack(make_deb(entries));
    EXPECT_FALSE(result);
    return result ? "" : result.error().to_string();
  }
};

TEST_F(DebTest, UnpacksFilesDirectoriesAndLinks) {
  const auto done = unpack(make_deb({{"./", "", AE_IFDIR},
                                     {"./usr/", "", AE_IFDIR},
                                     {"./usr/src/a", "alpha"},
                                     {"./usr/lib/link", "../src", AE_IFLNK}}));
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(read_file(path() / "to/usr/src/a").value(), "alpha");
  EXPECT_EQ(fs::read_symlink(path() / "to/usr/lib/link"), "../src");
}

TEST_F(DebTest, OnlyWhatIsPlacedIsWritten) {
  write("x.deb", make_deb({{"./a", "1"}, {"./b", "2"}}));
  ASSERT_TRUE(make_directories(path() / "to"));
  const Placement one = [](std::string_view entry) -> std::optional<fs::path> {
    if (entry == "b") return fs::path("moved/c");
    return std::nullopt;
  };
  std::uint64_t told = 0;
  ASSERT_TRUE(
      unpack_deb(path() / "x.deb", path() / "to", one, [&](std::uint64_t bytes) { told = bytes; }));
  EXPECT_FALSE(fs::exists(path() / "to/a"));
  EXPECT_EQ(read_file(path() / "to/moved/c").value(), "2");
  EXPECT_GT(told, 0U);
}

TEST_F(DebTest, NothingLeavesTheDirectory) {
  EXPECT_THAT(refusal({{"./../evil", "x"}}), HasSubstr("would leave"));
  EXPECT_THAT(refusal({{"a/../../evil", "x"}}), HasSubstr("would leave"));
  EXPECT_THAT(refusal({{"/evil", "x"}}), HasSubstr("would leave"));
  EXPECT_THAT(refusal({{"./l", "/etc", AE_IFLNK}}), HasSubstr("absolute"));
  EXPECT_THAT(refusal({{"./l", "..", AE_IFLNK}, {"./l/evil", "x"}}), HasSubstr("l/evil"));
  EXPECT_THAT(refusal({{"./fifo", "", AE_IFIFO}}), HasSubstr("neither"));
  EXPECT_FALSE(fs::exists(path() / "evil"));
}

class RootTest : public DebTest {
 protected:
  // As a root has it: /lib lies in /usr.
  Result<> unpack_root(const std::vector<TarEntry>& entries) {
    write("x.deb", make_deb(entries));
    EXPECT_TRUE(make_directories(path() / "to"));
    const Placement merged = [](std::string_view entry) -> std::optional<fs::path> {
      if (entry == "lib") return std::nullopt;
      if (entry.starts_with("lib/")) return fs::path("usr") / entry;
      return fs::path(entry);
    };
    return unpack_deb_as_root(path() / "x.deb", path() / "to", merged, [](std::uint64_t) {});
  }
  std::string link(const char* name) { return fs::read_symlink(path() / "to" / name); }
};

TEST_F(RootTest, LinksLeadToTheSamePlaceBelowTheRoot) {
  const auto done = unpack_root({{"./lib/", "", AE_IFDIR},
                                 {"./lib/a/real.so", "library"},
                                 {"./lib/a/absolute.so", "/lib/a/real.so", AE_IFLNK},
                                 {"./lib/a/up.so", "../../usr/lib/a/real.so", AE_IFLNK},
                                 {"./usr/lib/near.so", "a/real.so", AE_IFLNK},
                                 {"./usr/outside", "../../../../etc/passwd", AE_IFLNK}});
  ASSERT_TRUE(done) << done.error().to_string();
  fs::create_directory_symlink("usr/lib", path() / "to/lib");
  for (const auto* name : {"usr/lib/a/absolute.so", "usr/lib/a/up.so", "usr/lib/near.so"})
    EXPECT_EQ(read_file(path() / "to" / name).value_or("nothing"), "library") << name;
  EXPECT_EQ(link("usr/outside"), "../etc/passwd");
}

TEST_F(RootTest, HardLinksAreFiles) {
  const auto done = unpack_root(
      {{"./usr/bin/perl", "program"}, {"./usr/bin/perl5", "./usr/bin/perl", k_hard_link}});
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(read_file(path() / "to/usr/bin/perl5").value(), "program");
  const auto outside = unpack_root({{"./usr/bin/x", "../../x.deb", k_hard_link}});
  ASSERT_FALSE(outside);
  EXPECT_THAT(outside.error().to_string(), HasSubstr("would leave"));
  const auto nothing = unpack_root({{"./usr/bin/x", "usr/bin/missing", k_hard_link}});
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().to_string(), HasSubstr("which is no file"));
}

TEST_F(DebTest, ALinkAboveTheTargetIsTheUsersOwn) {
  ASSERT_TRUE(make_directories(path() / "real"));
  fs::create_symlink(path() / "real", path() / "to");
  ASSERT_TRUE(unpack(make_deb({{"./a/b", "x"}})));
  EXPECT_EQ(read_file(path() / "real/a/b").value(), "x");
}

TEST_F(DebTest, SpecialBitsAreDropped) {
  ASSERT_TRUE(unpack(make_deb({{"./a", "x"}})));
  struct stat info = {};
  ASSERT_EQ(::stat((path() / "to/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644U);
}

TEST_F(DebTest, DamagedPackagesAreNamed) {
  const auto deb = make_deb({{"./a", std::string(100000, 'a')}, {"./b", make_ko("x")}});
  for (const std::size_t size : {0UZ, 7UZ, 100UZ, deb.size() / 2, deb.size() - 100}) {
    const auto cut = unpack(std::string_view(deb).substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().kind(), ErrorKind::environment);
    EXPECT_THAT(cut.error().to_string(), HasSubstr("unpacking x.deb: "));
  }
  EXPECT_FALSE(unpack("garbage"));
}

class PackageTest : public DirectoryTest {
 protected:
  Result<> unpack(std::string_view package) {
    write("x", package);
    EXPECT_TRUE(make_directories(path() / "to"));
    const Placement all = [](std::string_view entry) { return fs::path(entry); };
    return unpack_package(path() / "x", path() / "to", all, [](std::uint64_t) {});
  }
};

TEST_F(PackageTest, EitherKindIsUnpackedAlike) {
  const std::vector<TarEntry> entries = {
      {"./usr", "", AE_IFDIR}, {"./usr/a", "alpha"}, {"./usr/link", "a", AE_IFLNK}};
  for (const auto& package : {make_deb(entries), make_rpm(entries)}) {
    const auto done = unpack(package);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(read_file(path() / "to/usr/a").value(), "alpha");
    EXPECT_EQ(fs::read_symlink(path() / "to/usr/link"), "a");
    fs::remove_all(path() / "to");
  }
}

TEST_F(PackageTest, NothingOfAnRpmLeavesTheDirectory) {
  const auto refusal = [&](const std::vector<TarEntry>& entries) {
    const auto done = unpack(make_rpm(entries));
    return done ? "" : done.error().to_string();
  };
  EXPECT_THAT(refusal({{"./../evil", "x"}}), HasSubstr("would leave"));
  EXPECT_THAT(refusal({{"/evil", "x"}}), HasSubstr("would leave"));
  EXPECT_THAT(refusal({{"./l", "/etc", AE_IFLNK}}), HasSubstr("absolute"));
  EXPECT_THAT(refusal({{"./l", "..", AE_IFLNK}, {"./l/evil", "x"}}), HasSubstr("cannot write"));
  EXPECT_FALSE(fs::exists(path() / "evil"));
}

TEST_F(PackageTest, WhatIsNoPackageIsSaid) {
  const auto message = [&](std::string_view bytes) {
    const auto done = unpack(bytes);
    return done ? "" : done.error().to_string();
  };
  EXPECT_THAT(message("hello"), HasSubstr("neither a Debian package nor an RPM"));
  EXPECT_THAT(message(""), HasSubstr("neither a Debian package nor an RPM"));
  const auto rpm = make_rpm({{"./a", std::string(100000, 'x')}});
  for (const std::size_t size : {8, 96, 110, 140})
    EXPECT_NE(message(std::string_view(rpm).substr(0, size)), "") << size;
  EXPECT_THAT(unpack_package(path() / "none", path(), {}, {}).error().message(),
              HasSubstr("there is no package file"));
}

}  // namespace
}  // namespace kobox
