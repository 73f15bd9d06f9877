// SPDX-License-Identifier: GPL-2.0-or-later
#include "project/check_project.h"

namespace kobox {

Result<> check_project(const Project& project) {
  const bool guest = project.build == BuildWhere::guest;
  const char* build = guest ? "guest" : project.method == BuildMethod::dkms ? "dkms" : nullptr;
  if (build == nullptr) return {};
  const char* key = !project.make.empty()             ? "make"
                    : guest && !project.needs.empty() ? "needs"
                    : guest && project.root           ? "root"
                                                      : nullptr;
  if (key == nullptr) return {};
  return fail(ErrorKind::usage,
              "{}: '{}' of [module] does not go with build = \"{}\" (--build {}); take one of them "
              "out",
              (project.directory / "kobox.toml").string(), key, build, build);
}

}  // namespace kobox
