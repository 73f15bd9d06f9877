// SPDX-License-Identifier: GPL-2.0-or-later
// Which directories are gone through, and in which order: all that comes before a build.
#include "harness/project_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace kobox {
namespace {

using ::testing::HasSubstr;

const auto build_all = [](const LabOptions& options, const Project& project, const Kernel& kernel,
                          Progress& progress) {
  return build_project(options, project, project.tests, kernel, progress);
};

class ProjectBuildTest : public ::testing::Test {
 protected:
  void needs(const std::string& name, const std::string& needed) {
    EXPECT_TRUE(make_directories(place(name)));
    EXPECT_TRUE(
        write_file(place(name) / "kobox.toml", "[module]\nneeds = [\"../" + needed + "\"]\n"));
  }
  fs::path place(const std::string& name) const { return fs::canonical(temp_.path()) / name; }
  Error error_of(const std::string& name, auto call) {
    const auto project = load_project(place(name)).value();
    NoProgress progress;
    const auto done = call(LabOptions{.build_in = BuildIn::host}, project, Kernel{}, progress);
    return done ? Error(ErrorKind::internal, "it went well") : done.error();
  }

  TempDir temp_ = TempDir::make(fs::temp_directory_path(), "kobox-needs-").value();
};

TEST_F(ProjectBuildTest, DirectoriesThatNeedEachOtherAreNamed) {
  for (const auto* name : {"a", "b", "c"}) EXPECT_TRUE(make_directories(place(name)));
  needs("a", "b");
  needs("b", "c");
  needs("c", "b");
  const auto error = error_of("a", build_all);
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_EQ(error.message(),
            fmt::format("{0} needs {1}, which needs {0}; take one of them out of [module] needs",
                        place("b").string(), place("c").string()));
}

TEST_F(ProjectBuildTest, WhatATestNeedsMayNeedTheProject) {
  for (const auto* name : {"driver", "client"}) EXPECT_TRUE(make_directories(place(name)));
  EXPECT_TRUE(write_file(place("driver") / "kobox.toml",
                         "[[test]]\nname = \"a\"\nrun = \"true\"\nneeds = [\"../client\"]\n"));
  needs("client", "driver");
  EXPECT_TRUE(write_file(place("client") / "dkms.conf", "PACKAGE_NAME=\"client\"\n"));
  EXPECT_THAT(error_of("driver", make_build_sites).message(), HasSubstr("has a dkms.conf"));
}

// dkms builds in a build root alone; what is refused here would be made otherwise.
TEST_F(ProjectBuildTest, SitesAreMadeForWhatIsNeededAsItIsBuilt) {
  EXPECT_TRUE(make_directories(place("bus")));
  EXPECT_TRUE(write_file(place("bus") / "dkms.conf", "PACKAGE_NAME=\"bus\"\n"));
  EXPECT_THAT(error_of("bus", make_build_sites).message(), HasSubstr("has a dkms.conf"));
  needs("driver", "bus");
  EXPECT_THAT(error_of("driver", make_build_sites).message(), HasSubstr("has a dkms.conf"));
}

}  // namespace
}  // namespace kobox
