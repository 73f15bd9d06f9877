// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/project_build.h"

#include <algorithm>
#include <functional>
#include <iterator>
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

 private:
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
    std::ranges::move(built.modules, std::back_inserter(modules_));
    built.modules = modules_;
    last_ = std::move(built);
    return std::optional<Failure>();
  }
  // What add() was called for last, and before it all others.
  BuiltModules take() { return std::move(last_); }

 private:
  const LabOptions& options_;
  const fs::path& top_;
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
  ProjectBuild build(options, project.directory, kernel, progress);
  NeedsWalk walk([&](const Project& one) { return build.add(one); });
  KOBOX_TRY(auto failure, walk.go(project));
  if (failure) return std::move(*failure);
  return build.take();
}

Result<> make_build_sites(const LabOptions& options, const Project& project, const Kernel& kernel,
                          Progress& progress) {
  NeedsWalk walk([&](const Project& one) -> Result<std::optional<Failure>> {
    KOBOX_CHECK(make_sites(build_request(options, one, progress), kernel));
    return std::optional<Failure>();
  });
  KOBOX_CHECK(walk.go(project));
  return {};
}

}  // namespace kobox
