// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/build_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "archive/fake_apt.h"
#include "base/text.h"

namespace kobox {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What of apt-get a root needs: every name is a package without dependencies.
constexpr const char* k_apt_get = R"(#!/bin/sh
set -e
if [ "$1 $2" = "update --print-uris" ]; then
  echo "'http://m.invalid/debian/dists/trixie/main/binary-amd64/Packages.xz' x 0"
  exit
fi
shift 2
echo "$1" >> "$FAKE_APT/calls"
command=$1
shift
case $command in
update) ;;
indextargets) [ ! -e "$FAKE_APT/list" ] || echo "$FAKE_APT/list trixie" ;;
install)
  for word; do
    case $word in
    -*) ;;
    gone) echo "E: Unable to locate package gone" >&2; exit 100 ;;
    *) echo "'http://m.invalid/$word.deb' ${word}_1_amd64.deb ${FAKE_SIZE:-100} SHA256:0" ;;
    esac
  done ;;
download)
  [ ! -e "$FAKE_APT/slow" ] || sleep 60
  for word; do
    case $word in
    *=*)
      name=${word%%=*}
      [ "$name" != lost ] || { echo "E: Failed to fetch lost.deb  404" >&2; exit 100; }
      deb=$FAKE_APT/other.deb
      [ "$name" != gcc-14 ] || deb=$FAKE_APT/gcc-14.deb
      cp "$deb" "$name.deb" ;;
    esac
  done ;;
*) exit 99 ;;
esac
)";

// What the lists on disk name: not "gone".
constexpr const char* k_apt_cache = R"(#!/bin/sh
[ "$1 $3 $4" = "-c pkgnames " ] || exit 99
printf '%s\n' libelf1 pahole gcc-14
)";

class BuildRootTest : public FakeAptTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    use_apt_get(k_apt_get);
    write("bin/apt-cache", k_apt_cache);
    ASSERT_EQ(::chmod((path() / "bin/apt-cache").c_str(), 0755), 0);
    write("gcc-14.deb", make_deb({{"./usr/bin/gcc-14", "compiler"}, {"./bin/dash", "shell"}}));
    write("other.deb", make_deb({{"./usr/share/doc/x", "unwanted"}}));
  }
  void TearDown() override {
    FakeAptTest::TearDown();
    ::unsetenv("FAKE_SIZE");
  }
  Result<BuildRoot> ensure(std::vector<std::string> needs = {},
                           Network network = Network::allowed) {
    return ensure_build_root(
        path() / "cache",
        {.distribution = find_distribution("trixie"), .compiler = "gcc-14", .needs = needs},
        network, progress_, {.apt = path() / "etc", .keyring = path() / "keyring"});
  }
  // The last call's result is given up first: it keeps the root from being made anew.
  std::string refusal(std::vector<std::string> needs) {
    const auto root = ensure(std::move(needs));
    EXPECT_FALSE(root);
    if (root) return "";
    EXPECT_EQ(root.error().kind(), ErrorKind::environment);
    return root.error().to_string();
  }
  std::string calls() {
    const auto text = read_file(path() / "calls").value_or("");
    fs::remove(path() / "calls");
    return join(split(text, '\n'), " ");
  }
  std::vector<std::string> roots() {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path() / "cache/roots", ignored))
      if (entry.is_directory()) names.push_back(entry.path().filename());
    return names;
  }

  RecordingProgress progress_;
};

TEST_F(BuildRootTest, IsMadeOnceAndThenUsed) {
  std::string identity;
  const BuildRootSpec spec{.distribution = find_distribution("trixie"), .compiler = "gcc-14"};
  EXPECT_FALSE(has_build_root(path() / "cache", spec));
  {
    const auto root = ensure({"libelf1"});
    ASSERT_TRUE(root) << root.error().to_string();
    EXPECT_EQ(calls(), "update indextargets install download ");
    EXPECT_EQ(read_file(root->root / "usr/bin/gcc-14").value(), "compiler");
    EXPECT_EQ(fs::read_symlink(root->root / "bin"), "usr/bin");
    EXPECT_EQ(read_file(root->root / "bin/sh").value(), "shell") << "dash's other name";
    EXPECT_EQ(fs::read_symlink(root->root / "usr/bin/gcc"), "gcc-14");
    EXPECT_TRUE(fs::is_directory(root->root / "module"));
    EXPECT_FALSE(fs::exists(root->root / "usr/share/doc"));
    EXPECT_THAT(progress_.notes,
                ElementsAre(HasSubstr("making a build root of trixie for gcc-14")));
    identity = root->identity;
  }
  const auto again = ensure({"libelf1"}, Network::forbidden);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->identity, identity);
  EXPECT_TRUE(has_build_root(path() / "cache", spec));
  EXPECT_EQ(calls(), "");
}

TEST_F(BuildRootTest, OneServesAllKernelsOfItsRelease) {
  write("list",
        "Package: linux-image-7.3.4+deb13-amd64\nVersion: 1\nSize: 1\n\n"
        "Package: linux-headers-7.3.4+deb13-amd64\nVersion: 1\nSize: 1\n"
        "Depends: linux-kbuild-7.3.4+deb13, gcc-14-for-host, gcc-15\n\n"
        "Package: linux-kbuild-7.3.4+deb13\nVersion: 1\nSize: 1\nDepends: libc6 (>= 2.38), "
        "pahole\n\n");
  ASSERT_TRUE(ensure({"libelf1"}));
  EXPECT_TRUE(ensure({"libelf1", "gcc-14-for-host", "pahole"}, Network::forbidden));
  EXPECT_FALSE(ensure({"gcc-15"}, Network::forbidden)) << "another compiler is another root";
}

TEST_F(BuildRootTest, WhatItLacksIsAddedToWhatItHas) {
  ASSERT_TRUE(ensure({"libelf1"}));
  ASSERT_TRUE(ensure({"pahole"}));
  EXPECT_TRUE(ensure({"libelf1", "pahole"}, Network::forbidden));
  EXPECT_THAT(roots(), ElementsAre("trixie-gcc-14"));
}

TEST_F(BuildRootTest, APackageThatIsGoneIsNoLongerInherited) {
  ASSERT_TRUE(ensure({"libelf1"}));
  const auto record = path() / "cache/roots/trixie-gcc-14/root.json";
  auto text = read_file(record).value();
  text.replace(text.find("libelf1"), 7, "gone");
  ASSERT_TRUE(write_file(record, text));
  const auto root = ensure({"pahole"});
  ASSERT_TRUE(root) << root.error().to_string();
}

TEST_F(BuildRootTest, OfflineItIsNotMade) {
  const auto root = ensure({}, Network::forbidden);
  ASSERT_FALSE(root);
  EXPECT_THAT(root.error().to_string(), AllOf(HasSubstr("--offline and --dry-run make none"),
                                              HasSubstr("once without them")));
  EXPECT_EQ(calls(), "");
}

TEST_F(BuildRootTest, APackageThatIsGoneIsNamedAndNothingStays) {
  EXPECT_THAT(refusal({"gone"}),
              AllOf(HasSubstr("Unable to locate package gone"), HasSubstr("kobox kernel list")));
  EXPECT_THAT(roots(), IsEmpty());
  calls();
  // The lists name it, the archive has it no more: asked once more with new lists.
  const auto hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(path() / "cache/apt/trixie/updated", hour_ago);
  EXPECT_THAT(refusal({"lost"}), HasSubstr("404"));
  EXPECT_EQ(calls(), "install download update indextargets install download ");
  EXPECT_THAT(roots(), IsEmpty());
}

TEST_F(BuildRootTest, AFullDiskIsToldBefore) {
  ::setenv("FAKE_SIZE", "99999999999", 1);
  EXPECT_THAT(refusal({}), HasSubstr("no space left on"));
  EXPECT_THAT(calls(), Not(HasSubstr("download")));
}

TEST_F(BuildRootTest, ADamagedPackageLeavesNothing) {
  write("other.deb", "garbage");
  EXPECT_THAT(refusal({}), HasSubstr("unpacking"));
  EXPECT_THAT(roots(), IsEmpty());
}

TEST_F(BuildRootTest, WithoutItsCompilerItIsNone) {
  write("gcc-14.deb", make_deb({{"./usr/bin/other", "x"}}));
  EXPECT_THAT(refusal({}), HasSubstr("hold no /usr/bin/gcc-14"));
  EXPECT_THAT(roots(), IsEmpty());
}

TEST_F(BuildRootTest, LeftoversOfAKilledKoboxGo) {
  write("cache/roots/.trixie-gcc-14.abcdef/debs/x.deb", "half");
  ASSERT_TRUE(ensure());
  EXPECT_THAT(roots(), ElementsAre("trixie-gcc-14"));
}

TEST_F(BuildRootTest, AnInterruptLeavesNothing) {
  write("slow", "");
  std::thread user([this] {
    while (!fs::exists(path() / "calls") ||
           read_file(path() / "calls").value_or("").find("download") == std::string::npos)
      std::this_thread::yield();
    interrupt();
  });
  const auto root = ensure();
  user.join();
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().kind(), ErrorKind::interrupted);
  EXPECT_THAT(roots(), IsEmpty());
}

TEST_F(BuildRootTest, SeveralThatWantItMakeItOnce) {
  std::vector<std::thread> users;
  for (int i = 0; i < 4; ++i)
    users.emplace_back([this] {
      NoProgress quiet;
      const auto root = ensure_build_root(
          path() / "cache",
          {.distribution = find_distribution("trixie"), .compiler = "gcc-14", .needs = {}},
          Network::allowed, quiet, {.apt = path() / "etc", .keyring = path() / "keyring"});
      EXPECT_TRUE(root) << root.error().to_string();
    });
  for (auto& user : users) user.join();
  const auto made = calls();
  EXPECT_EQ(made.find("download"), made.rfind("download")) << made;
}

std::string place(std::string_view entry) {
  const auto found = place_in_root(entry);
  return found ? found->string() : "nowhere";
}

TEST(PlaceInRoot, MergesUsr) {
  EXPECT_EQ(place("bin/bash"), "usr/bin/bash");
  EXPECT_EQ(place("lib64/ld-linux-x86-64.so.2"), "usr/lib64/ld-linux-x86-64.so.2");
  EXPECT_EQ(place("usr/bin/make"), "usr/bin/make");
  EXPECT_EQ(place("library/x"), "library/x");
  // Links of the root's own.
  EXPECT_EQ(place("bin"), "nowhere");
  EXPECT_EQ(place("lib"), "nowhere");
}

TEST(PlaceInRoot, LeavesOutWhatNoBuildNeeds) {
  EXPECT_EQ(place("usr/share/doc/make/README"), "nowhere");
  EXPECT_EQ(place("usr/share/documents"), "usr/share/documents");
  EXPECT_EQ(place("usr/lib/gcc/x86_64-linux-gnu/14/libasan.a"), "nowhere");
  EXPECT_EQ(place("usr/lib/x86_64-linux-gnu/libtsan.so.2.0.0"), "nowhere");
  EXPECT_EQ(place("usr/lib/gcc/x86_64-linux-gnu/14/libgcc.a"),
            "usr/lib/gcc/x86_64-linux-gnu/14/libgcc.a");
}

TEST(BuildRootSpec, IsNamedAfterWhatItHas) {
  EXPECT_EQ(
      (BuildRootSpec{.distribution = find_distribution("trixie"), .compiler = "gcc-14"}.name()),
      "trixie-gcc-14");
}

}  // namespace
}  // namespace kobox
