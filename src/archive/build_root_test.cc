// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/build_root.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

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
