// SPDX-License-Identifier: GPL-2.0-or-later
// "Why does it not build on that kernel?" The name in the compiler's message is looked up in the
// headers of that kernel and of another, for which the module builds; what both say, and in what
// they differ, is the answer. Nothing here knows a kernel's history: all comes from the headers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "module/header_tree.h"
#include "verdict/verdict.h"

namespace kobox {

struct FailedBuild {
  Failure failure;     // of kind build
  std::string source;  // the text of the file in which the error is; "" if there is none
  std::string kbuild;  // the text of the module's Kbuild or Makefile
};

// Does the module build for the other kernel, or is that merely there to compare with?
enum class OtherKernel { builds, unknown };

// What has changed between `here`, whose build failed, and `there`. Nothing if what the message
// names is not the kernel's, or is the same on both, or a search ran out of time. Reads every
// header of both once or twice: half a second when they are in memory.
std::optional<ApiChange> find_api_change(const FailedBuild& build, const HeaderTree& here,
                                         const HeaderTree& there, OtherKernel other);

// What the failed kernel's headers alone say of the name, for want of another kernel: `summary` is
// empty. Nothing if the message names nothing that a kernel could have.
std::optional<ApiChange> find_declaration(const FailedBuild& build, const HeaderTree& here);

}  // namespace kobox
