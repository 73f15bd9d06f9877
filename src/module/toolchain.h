// SPDX-License-Identifier: GPL-2.0-or-later
// Which compiler of this host builds for a kernel, and in what environment it runs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kobox {

struct Compiler {
  std::string program;  // "gcc-12", as make's CC gets it
  std::string version;  // the first line of its --version
};

// `wanted` is Kernel::compiler; "" means that any gcc will do. ErrorKind::environment says which
// package to install.
Result<Compiler> find_compiler(std::string_view wanted);

// Changes to the inherited environment after which only the names that a compiler needs are left:
// a MAKEFLAGS, ARCH, CROSS_COMPILE, KCFLAGS, CPATH or CONFIG_X of the user's shell would change
// what is built, unseen by the cache's key. PWD is `cwd`, as a shell sets it there: module
// Makefiles use it.
std::vector<std::pair<std::string, std::string>> build_environment(
    const std::filesystem::path& cwd);

}  // namespace kobox
