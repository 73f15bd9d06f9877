// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/project_build.h"

#include <algorithm>
#include <iterator>

namespace kobox {
namespace {

constexpr int k_deepest_needs = 8;

// A walk through what is needed, in depth: each directory is built once, after all that it needs.
class ProjectBuild {
 public:
  ProjectBuild(const LabOptions& options, const Kernel& kernel, Progress& progress)
      : options_(options), kernel_(kernel), progress_(progress) {}

  Result<std::optional<Failure>> add(const Project& project, int depth = 0) {
    for (const auto& need : project.needs) {
      KOBOX_TRY(auto failure, add_need(need, depth + 1));
      if (failure) return failure;
    }
    auto request = build_request(options_, project, progress_);
    request.symbols = symbols_;
    request.is_need = depth > 0;
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
    std::ranges::move(built.modules, std::back_inserter(modules_));
    built.modules = modules_;
    last_ = std::move(built);
    return std::optional<Failure>();
  }
  // What add() was called for last, and before it what that needs.
  BuiltModules take() { return std::move(last_); }

 private:
  Result<std::optional<Failure>> add_need(const fs::path& directory, int depth) {
    if (depth > k_deepest_needs)
      return fail(ErrorKind::usage, "{} is needed by what it needs itself", directory.string());
    KOBOX_TRY(const auto project, load_project(directory));
    const bool known = std::ranges::any_of(
        modules_, [&](const BuiltModule& one) { return one.source == project.source; });
    if (known) return std::optional<Failure>();
    KOBOX_TRY(auto failure, add(project, depth));
    if (failure)
      failure->message =
          fmt::format("in {}, which is needed: {}", directory.string(), failure->message);
    return failure;
  }

  const LabOptions& options_;
  const Kernel& kernel_;
  Progress& progress_;
  std::vector<BuiltModule> modules_;
  std::vector<fs::path> symbols_;
  std::vector<SourcePackage> packages_;
  BuiltModules last_;
};

}  // namespace

Result<std::variant<BuiltModules, Failure>> build_project(const LabOptions& options,
                                                          const Project& project,
                                                          const Kernel& kernel,
                                                          Progress& progress) {
  ProjectBuild build(options, kernel, progress);
  KOBOX_TRY(auto failure, build.add(project));
  if (failure) return std::move(*failure);
  return build.take();
}

}  // namespace kobox
