// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/test_modules.h"

#include <algorithm>

#include "module/choose_modules.h"

namespace kobox {
namespace {

bool holds(const std::vector<BuiltModule>& modules, const std::string& name) {
  return std::ranges::find(modules, name, &BuiltModule::name) != modules.end();
}

std::vector<BuiltModule> of_the_project(const Prepared& prepared, const TestSpec& test) {
  if (test.modules.empty()) return prepared.modules;
  std::vector<BuiltModule> modules;
  for (const auto& name : test.modules)
    for (auto& one : with_dependencies(prepared.modules, name))
      if (!holds(modules, one.name)) modules.push_back(std::move(one));
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
      if (holds(from_own, module.name) || holds(before, module.name)) continue;
      const bool behind = std::ranges::any_of(
          module.depends, [&](const std::string& name) { return holds(from_own, name); });
      (behind ? from_own : before).push_back(module);
    }
  }
  before.insert(before.end(), from_own.begin(), from_own.end());
  return before;
}

std::vector<BuiltModule> all_modules(const std::vector<BuiltModule>& projects,
                                     const std::vector<TestNeed>& test_needs) {
  std::vector<BuiltModule> all;
  const auto add = [&](const BuiltModule& module) {
    const auto is_same = [&](const BuiltModule& other) { return other.ko == module.ko; };
    if (std::ranges::none_of(projects, is_same) && std::ranges::none_of(all, is_same))
      all.push_back(module);
  };
  for (const auto& need : test_needs) std::ranges::for_each(need.modules, add);
  all.insert(all.end(), projects.begin(), projects.end());
  return all;
}

bool has_own_modules(const TestSpec& test) { return !test.modules.empty() || !test.needs.empty(); }

}  // namespace kobox
