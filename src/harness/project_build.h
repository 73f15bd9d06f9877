// SPDX-License-Identifier: GPL-2.0-or-later
// A project's modules on the host, with those of other directories that they need.
#pragma once

#include <variant>

#include "harness/prepare.h"
#include "module/build.h"

namespace kobox {

// What [module] needs names is built first, each directory as its own kobox.toml says, and what its
// modules export is handed on. In load order: needed modules stand before what needs them. A source
// that does not build, of a needed directory too, is a Failure. Errors: see build_modules and
// load_project; usage for directories that need each other in a circle, which it names.
Result<std::variant<BuiltModules, Failure>> build_project(const LabOptions& options,
                                                          const Project& project,
                                                          const Kernel& kernel, Progress& progress);

// Makes the build roots that build_project() may want, for its directories and those that they
// need. Errors: as that, and of the network.
Result<> make_build_sites(const LabOptions& options, const Project& project, const Kernel& kernel,
                          Progress& progress);

}  // namespace kobox
