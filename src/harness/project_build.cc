// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/project_build.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/text.h"
#include "module/build_attempt.h"
#include "project/check_project.h"

namespace kobox {
namespace {

using Step = std::function<Result<std::optional<Failure>>(const Project&)>;

// A walk through what is needed, in depth: the step is done once for each directory, after those
// that it needs.
class NeedsWalk {
 public:
  explicit NeedsWalk(Step step) : step_(std::move(step)) {}

  Result<std::optional<Failure>> go(const Project& project) {
    open_.push_back(project.directory);
    for (const auto& need : project.needs) {
      KOBOX_TRY(auto failure, go_to(need));
      if (failure) return failure;
    }
    open_.pop_back();
    finished_.insert(project.directory);
    return step_(project);
  }

  // A directory of which the project's file says that it is needed, unless it was gone through.
  Result<std::optional<Failure>> go_to(const fs::path& directory) {
    KOBOX_TRY(const auto project, load_project(directory));
    if (finished_.contains(project.directory)) return std::optional<Failure>();
    if (const auto begin = std::ranges::find(open_, project.directory); begin != open_.end())
      return circle(begin, project.directory);
    KOBOX_CHECK(check_project(project));
    KOBOX_TRY(auto failure, go(project));
    if (failure)
      failure->message =
          fmt::format("in {}, which is needed: {}", directory.string(), failure->message);
    return failure;
  }

 private:
  std::unexpected<Error> circle(std::vector<fs::path>::const_iterator begin,
                                const fs::path& again) const {
    std::string text;
    for (; begin != open_.end(); ++begin)
      text += fmt::format("{}{}", begin->string(), text.empty() ? " needs " : ", which needs ");
    return fail(ErrorKind::usage, "{}{}; take one of them out of [module] needs", text,
                again.string());
  }

  Step step_;
  std::vector<fs::path> open_;  // from the project to the directory that is looked at
  std::set<fs::path> finished_;
};

// Each once.
void add_new(std::vector<BuiltModule>& modules, const std::vector<BuiltModule>& more) {
  for (const auto& one : more)
    if (std::ranges::find(modules, one.ko, &BuiltModule::ko) == modules.end())
      modules.push_back(one);
}

class ProjectBuild {
 public:
  // TOP is the project that all others are needed for.
  ProjectBuild(const LabOptions& options, const fs::path& top, const Kernel& kernel,
               Progress& progress)
      : options_(options), top_(top), kernel_(kernel), progress_(progress) {}

  Result<std::optional<Failure>> add(const Project& project) {
    auto request = build_request(options_, project, progress_);
    request.symbols = symbols_;
    request.is_need = project.directory != top_;
    request.packages = packages_;
    KOBOX_TRY(auto outcome, build_modules(request, kernel_));
    if (const auto* failed = std::get_if<BuildFailure>(&outcome))
      return build_failure(*failed, project.source);
    auto built = std::get<BuiltModules>(std::move(outcome));
    if (!built.symbols.empty()) symbols_.push_back(built.symbols);
    if (built.package) packages_.push_back(*built.package);
    if (built.fresh && built.method != BuildMethod::kbuild)
      progress_.note(fmt::format("{}: {} is built by {}", kernel_.release,
                                 project.source.filename().string(), describe(built.method)));
    auto& with_needs = in_order_[project.directory];
    for (const auto& need : project.needs) add_new(with_needs, modules_of(need));
    add_new(with_needs, built.modules);
    if (project.directory == top_) top_built_ = std::move(built);
    return std::optional<Failure>();
  }

  // In load order: what a directory needs, and what it builds. It must have been built.
  const std::vector<BuiltModule>& modules_of(const fs::path& directory) const {
    std::error_code ignored;
    return in_order_.at(fs::canonical(directory, ignored));
  }

  BuiltProject take(const std::vector<fs::path>& test_needs) {
    BuiltProject built{.common = std::move(top_built_)};
    built.common.modules = modules_of(top_);
    for (const auto& need : test_needs) built.test_needs.push_back({need, modules_of(need)});
    return built;
  }

 private:
  const LabOptions& options_;
  const fs::path& top_;
  const Kernel& kernel_;
  Progress& progress_;
  std::map<fs::path, std::vector<BuiltModule>> in_order_;  // by directory: see modules_of
  std::vector<fs::path> symbols_;
  std::vector<SourcePackage> packages_;
  BuiltModules top_built_;
};

std::vector<fs::path> needs_of(std::span<const TestSpec> tests) {
  std::vector<fs::path> needs;
  for (const auto& test : tests)
    for (const auto& need : test.needs)
      if (std::ranges::find(needs, need) == needs.end()) needs.push_back(need);
  return needs;
}

// The project, and then what its tests need.
Result<std::optional<Failure>> go_through(NeedsWalk& walk, const Project& project,
                                          const std::vector<fs::path>& test_needs) {
  KOBOX_TRY(auto failure, walk.go(project));
  for (const auto& need : test_needs) {
    if (failure) break;
    KOBOX_TRY(failure, walk.go_to(need));
  }
  return failure;
}

}  // namespace

Result<std::variant<BuiltProject, Failure>> build_project(const LabOptions& options,
                                                          const Project& project,
                                                          std::span<const TestSpec> tests,
                                                          const Kernel& kernel,
                                                          Progress& progress) {
  ProjectBuild build(options, project.directory, kernel, progress);
  NeedsWalk walk([&](const Project& one) { return build.add(one); });
  const auto test_needs = needs_of(tests);
  KOBOX_TRY(auto failure, go_through(walk, project, test_needs));
  if (failure) return std::move(*failure);
  return build.take(test_needs);
}

Result<> make_build_sites(const LabOptions& options, const Project& project, const Kernel& kernel,
                          Progress& progress) {
  NeedsWalk walk([&](const Project& one) -> Result<std::optional<Failure>> {
    KOBOX_CHECK(make_sites(build_request(options, one, progress), kernel));
    return std::optional<Failure>();
  });
  KOBOX_CHECK(go_through(walk, project, needs_of(project.tests)));
  return {};
}

}  // namespace kobox
