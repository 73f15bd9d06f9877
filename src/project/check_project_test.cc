// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/check_project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kobox {
namespace {

using ::testing::HasSubstr;

std::string refusal_of(const Project& project) {
  const auto checked = check_project(project);
  return checked ? "" : checked.error().message();
}

TEST(CheckProject, WhatTheGuestHasNoUseForIsRefused) {
  Project project = {.directory = "/m", .build = BuildWhere::guest};
  EXPECT_EQ(refusal_of(project), "");
  project.root = "/";
  EXPECT_EQ(refusal_of(project),
            "/m/kobox.toml: 'root' of [module] does not go with build = \"guest\" (--build guest); "
            "take one of them out");
  project.needs = {"/bus"};
  EXPECT_THAT(refusal_of(project), HasSubstr("'needs'"));
  project.build = BuildWhere::host;
  EXPECT_EQ(refusal_of(project), "");
}

TEST(CheckProject, WhatATestNeedsIsNotBuiltInAGuest) {
  Project project = {.directory = "/m",
                     .build = BuildWhere::guest,
                     .tests = {{.name = "a"}, {.name = "b", .needs = {"/client"}}}};
  EXPECT_EQ(refusal_of(project),
            "/m/kobox.toml: 'needs' of the test 'b' does not go with build = \"guest\" (--build "
            "guest); take one of them out");
  project.build = BuildWhere::host;
  EXPECT_EQ(refusal_of(project), "");
}

TEST(CheckProject, DkmsTakesNoArgumentsForMake) {
  Project project = {.directory = "/m", .make = {"W=1"}};
  EXPECT_EQ(refusal_of(project), "");
  project.method = BuildMethod::dkms;
  EXPECT_THAT(refusal_of(project),
              HasSubstr("'make' of [module] does not go with build = \"dkms\""));
}

}  // namespace
}  // namespace kobox
