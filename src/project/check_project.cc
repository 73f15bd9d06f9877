// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/check_project.h"

#include <algorithm>

namespace kobox {
namespace {

std::string file_of(const Project& project) { return (project.directory / "kobox.toml").string(); }

// What is built in a guest is the project's own module alone.
Result<> check_test_needs(const Project& project) {
  const auto test =
      std::ranges::find_if(project.tests, [](const TestSpec& one) { return !one.needs.empty(); });
  if (project.build != BuildWhere::guest || test == project.tests.end()) return {};
  return fail(ErrorKind::usage,
              "{}: 'needs' of the test '{}' does not go with build = \"guest\" (--build guest); "
              "take one of them out",
              file_of(project), test->name);
}

}  // namespace

Result<> check_project(const Project& project) {
  const bool guest = project.build == BuildWhere::guest;
  const char* build = guest ? "guest" : project.method == BuildMethod::dkms ? "dkms" : nullptr;
  KOBOX_CHECK(check_test_needs(project));
  if (build == nullptr) return {};
  const char* key = !project.make.empty()             ? "make"
                    : guest && !project.needs.empty() ? "needs"
                    : guest && project.root           ? "root"
                                                      : nullptr;
  if (key == nullptr) return {};
  return fail(ErrorKind::usage,
              "{}: '{}' of [module] does not go with build = \"{}\" (--build {}); take one of them "
              "out",
              file_of(project), key, build, build);
}

}  // namespace kobox
