// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/test_modules.h"

#include <algorithm>

#include "module/choose_modules.h"
#include "module/parameters.h"

namespace kobox {
namespace {

bool holds(const std::vector<BuiltModule>& modules, const BuiltModule& module) {
  return std::ranges::find(modules, module.ko, &BuiltModule::ko) != modules.end();
}

bool depends_on(const BuiltModule& module, const std::vector<BuiltModule>& modules) {
  return std::ranges::any_of(module.depends, [&](const std::string& name) {
    return std::ranges::find(modules, name, &BuiltModule::name) != modules.end();
  });
}

std::vector<BuiltModule> of_the_project(const Prepared& prepared, const TestSpec& test) {
  if (test.modules.empty()) return prepared.modules;
  std::vector<BuiltModule> modules;
  for (const auto& name : test.modules)
    for (auto& one : with_dependencies(prepared.modules, name))
      if (!holds(modules, one)) modules.push_back(std::move(one));
  return modules;
}

}  // namespace

std::vector<BuiltModule> modules_for(const Prepared& prepared, const TestSpec* test) {
  if (test == nullptr) return prepared.modules;
  const auto own = of_the_project(prepared, *test);
  std::vector<BuiltModule> before;
  auto from_own = own;  // and what comes behind
  for (const auto& directory : test->needs) {
    const auto need = std::ranges::find(prepared.test_needs, directory, &TestNeed::directory);
    if (need == prepared.test_needs.end()) continue;
    for (const auto& module : need->modules) {
      if (holds(from_own, module) || holds(before, module)) continue;
      (depends_on(module, from_own) ? from_own : before).push_back(module);
    }
  }
  before.insert(before.end(), from_own.begin(), from_own.end());
  return before;
}

std::vector<BuiltModule> all_modules(const std::vector<BuiltModule>& projects,
                                     const std::vector<TestNeed>& test_needs) {
  std::vector<BuiltModule> all;
  for (const auto& need : test_needs)
    for (const auto& module : need.modules)
      if (!holds(projects, module) && !holds(all, module)) all.push_back(module);
  all.insert(all.end(), projects.begin(), projects.end());
  return all;
}

std::string load_parameters(const BuiltModule& module, const Prepared& prepared,
                            std::string_view parameters) {
  return parameters_for(module, all_modules(prepared.modules, prepared.test_needs), parameters);
}

bool has_own_modules(const TestSpec& test) { return !test.modules.empty() || !test.needs.empty(); }

}  // namespace kobox
