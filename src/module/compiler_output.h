// SPDX-License-Identifier: GPL-2.0-or-later
// What the output of make, and of the compiler, linker and modpost below it, means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "module/build.h"
#include "module/seen_paths.h"

namespace kobox {

// The first error in the output of a failed build (full_log is left empty). Paths of the `sources`
// become relative to the module's directory, in the message and in the log lines too. An error
// inside a kernel header is placed where the module's own code led there, if the output says so.
// Knows gcc's and clang's errors, the assembler's and the linker's, modpost's and make's own; of
// anything else the last line before make gave up is the message.
BuildFailure first_error(std::string_view output, const SeenPaths& sources);

// What modpost and objtool warned of in a build, in order, each line once. Left out is what has no
// consequence: a missing MODULE_LICENSE or MODULE_DESCRIPTION, and BTF that was not made.
std::vector<std::string> tool_warnings(std::string_view output, const SeenPaths& sources);

// A sentence if the build failed because of the host, not the code: no disk space, a compiler
// killed for want of memory.
std::optional<std::string> host_fault(std::string_view output);

// A clause to append to a failure in a build root, where the output says that a program is not
// there or that the network is: neither is to be had in one. "" where it does not.
std::string missing_in_root(std::string_view output);

}  // namespace kobox
