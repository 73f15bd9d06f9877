// SPDX-License-Identifier: GPL-2.0-or-later
#include "module/choose_modules.h"

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "kernel/module_name.h"
#include "module/ko_file.h"
#include "module/source_tree.h"

namespace kobox {
namespace {

// A walk in depth: a module is added after all that it depends on. One that is on its way already
// is not entered again, so a circle ends.
class Walk {
 public:
  explicit Walk(const std::vector<BuiltModule>& modules) : modules_(modules) {}

  void add(const std::string& name) {
    const auto found = std::ranges::find(modules_, name, &BuiltModule::name);
    if (found == modules_.end() || !seen_.insert(name).second) return;
    for (const auto& other : found->depends) add(other);
    order_.push_back(*found);
  }
  std::vector<BuiltModule> take() { return std::move(order_); }

 private:
  const std::vector<BuiltModule>& modules_;
  std::set<std::string> seen_;
  std::vector<BuiltModule> order_;
};

}  // namespace

std::string example_object(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored))
    if (entry.path().extension() == ".c" && !is_build_product(entry.path().filename()))
      names.push_back(entry.path().stem().string());
  if (names.empty()) return "hello";
  return *std::ranges::min_element(names);
}

Result<std::vector<BuiltModule>> built_modules(const std::vector<RecordedModule>& recorded,
                                               const fs::path& source, const fs::path& copy,
                                               const fs::path& top) {
  std::vector<BuiltModule> modules;
  for (const auto& one : recorded) {
    KOBOX_TRY(auto info, read_modinfo(one.ko));
    for (auto* names : {&info.depends, &info.parameters})
      for (auto& name : *names) name = kernel_name(name);
    modules.push_back({.name = one.name,
                       .ko = one.ko,
                       .bare = without_debug_sections(one.ko),
                       .source = source,
                       .copy = copy,
                       .top = top,
                       .identity = one.identity,
                       .depends = std::move(info.depends),
                       .parameters = std::move(info.parameters),
                       .aliases = std::move(info.aliases),
                       .soft_before = std::move(info.soft_before),
                       .soft_after = std::move(info.soft_after)});
  }
  return modules;
}

std::vector<BuiltModule> with_dependencies(const std::vector<BuiltModule>& modules,
                                           const std::string& name) {
  Walk walk(modules);
  walk.add(kernel_name(name));
  return walk.take();
}

Result<std::vector<BuiltModule>> choose_modules(const std::vector<BuiltModule>& modules,
                                                const fs::path& source,
                                                const std::vector<std::string>& wanted) {
  if (modules.empty())
    return fail(
        ErrorKind::usage,
        "the build of {} makes no module; a Kbuild needs a line such as 'obj-m := {}.o', and "
        "build and make in [module] of kobox.toml say how else it is built",
        source.string(), example_object(source));
  std::vector<std::string> names;
  for (const auto& module : modules) names.push_back(module.name);
  Walk walk(modules);
  for (const auto& name : wanted) {
    const auto kernels_name = kernel_name(name);
    if (std::ranges::find(names, kernels_name) == names.end())
      return fail(ErrorKind::usage, "{} builds no module '{}', but {}{}", source.string(), name,
                  join(names, ", "), did_you_mean(kernels_name, names));
    walk.add(kernels_name);
  }
  if (wanted.empty())
    for (const auto& name : names) walk.add(name);
  return walk.take();
}

}  // namespace kobox
