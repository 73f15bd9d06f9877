// SPDX-License-Identifier: GPL-2.0-or-later
// How a module's directory is built: by kbuild, by its own Makefile, or by dkms, as its author
// does.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

enum class BuildMethod {
  automatic,  // what lies in the directory says
  kbuild,     // make -C BUILD_TREE M=DIR modules
  make,       // the directory's own Makefile
  dkms,       // dkms build, by its dkms.conf
};
// "auto", "kbuild", "make", "dkms". ErrorKind::usage for another word.
Result<BuildMethod> parse_build_method(std::string_view text);
// For people: "kbuild", "its own Makefile", "dkms".
std::string_view describe(BuildMethod method);

// What a directory can be built by; the first that builds a module is taken. With a dkms.conf that
// is dkms alone. Where its Makefile hands variables on to kbuild (CONFIG_X=m, EXTRA_CFLAGS=…), it
// is the Makefile's default goal, for kbuild alone would build something else. Else it is kbuild
// where the Kbuild or Makefile speaks of obj-m, and then the Makefile, if it has rules of its own.
// Empty: there is nothing to build. `wanted` other than automatic: that one.
std::vector<BuildMethod> methods_for(const std::filesystem::path& directory, BuildMethod wanted);

// May what kbuild failed at be something that the rules of the directory's Makefile make?
// `message`: of the first error.
bool makefile_may_help(std::string_view message);

// Names by which modules' Makefiles are told of the kernel, each with its value. For the
// environment: what a Makefile sets itself stays, and the kernel's own Makefiles set theirs.
// `headers`: the build tree, as the build names it.
std::vector<std::pair<std::string, std::string>> kernel_variables(
    const std::filesystem::path& directory, const Kernel& kernel,
    const std::filesystem::path& headers);

}  // namespace kobox
