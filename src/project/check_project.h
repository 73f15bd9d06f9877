// SPDX-License-Identifier: GPL-2.0-or-later
// What in a project does not go together, wherever each part of it was said.
#pragma once

#include "project/project.h"

namespace kobox {

// For a project to which all options have been applied. ErrorKind::usage: arguments for make,
// `root` or `needs`, of a test too, with a way to build that has no use for them.
Result<> check_project(const Project& project);

}  // namespace kobox
