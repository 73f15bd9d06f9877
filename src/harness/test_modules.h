// SPDX-License-Identifier: GPL-2.0-or-later
// Which modules a test is run with, and in which order they are loaded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/prepare.h"
#include "module/build.h"
#include "project/project.h"

namespace kobox {

// Those of the project, or those that the test names with what they depend on; before them what the
// test needs. What depends on the project's modules itself comes behind them. `test`: nullptr for
// what every test begins with.
std::vector<BuiltModule> modules_for(const Prepared& prepared, const TestSpec* test);

// What any test may load, each once: what tests need, then the project's.
std::vector<BuiltModule> all_modules(const std::vector<BuiltModule>& projects,
                                     const std::vector<TestNeed>& test_needs);

// What of `parameters` (the project's module_params) this one of all_modules() is loaded with.
std::string load_parameters(const BuiltModule& module, const Prepared& prepared,
                            std::string_view parameters);

// Does the test load other modules than most?
bool has_own_modules(const TestSpec& test);

}  // namespace kobox
