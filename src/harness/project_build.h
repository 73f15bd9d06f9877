// SPDX-License-Identifier: GPL-2.0-or-later
// A project's modules on the host, with those of other directories that they need.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "harness/prepare.h"
#include "module/build.h"

namespace kobox {

struct BuiltProject {
  BuiltModules common;                    // what every test begins with
  std::vector<TestNeed> test_needs = {};  // for those tests that name them
};

// What [module] needs names is built first, each directory as its own kobox.toml says, and what its
// modules export is handed on. In load order: needed modules stand before what needs them. A source
// that does not build, of a needed directory too, is a Failure. Errors: see build_modules and
// load_project; usage for directories that need each other in a circle, which it names.
//
// After that what these tests need is built. It may use what the project exports.
Result<std::variant<BuiltProject, Failure>> build_project(const LabOptions& options,
                                                          const Project& project,
                                                          std::span<const TestSpec> tests,
                                                          const Kernel& kernel, Progress& progress);

// Makes the build roots that build_project() may want, for its directories and those that they
// need. Errors: as that, and of the network.
Result<> make_build_sites(const LabOptions& options, const Project& project, const Kernel& kernel,
                          Progress& progress);

}  // namespace kobox
