// SPDX-License-Identifier: GPL-2.0-or-later
// Module parameters, where one line of them is meant for several modules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "module/build.h"

namespace kobox {

// The words of such a line. As next_arg() in the kernel's lib/cmdline.c: white space parts them,
// but not within double quotes.
std::vector<std::string> parameter_words(std::string_view text);

// What of `parameters` (as insmod takes them: "debug=1 name=\"a b\"") goes to `module`, which is
// one of `modules`. A word "other.debug=1" is for the module of that name; any other for those that
// have such a parameter; what none of them has goes to the last, so that the kernel says so.
std::string parameters_for(const BuiltModule& module, const std::vector<BuiltModule>& modules,
                           std::string_view parameters);

}  // namespace kobox
