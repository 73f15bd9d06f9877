// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/prepare.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "base/text.h"
#include "harness/cache_use.h"
#include "harness/disk.h"
#include "harness/guest_build.h"
#include "harness/project_build.h"
#include "harness/surroundings.h"
#include "harness/test_modules.h"
#include "image/disk_initramfs.h"
#include "image/initramfs.h"
#include "kernel/aliases.h"
#include "kernel/cache.h"
#include "module/blame.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// A module of a driver's size builds in seconds; this only ends what would never end.
constexpr Duration k_build_limit = 30min;

// What the modules depend on, and the network. The kernel may have modules of the same names; ours
// take their place.
Result<std::vector<DriverModule>> drivers_of(const Project& project, const Prepared& prepared) {
  const auto& kernel = prepared.kernel;
  const auto modules = all_modules(prepared.modules, prepared.test_needs);
  const auto is_ours = [&](const std::string& name) {
    return std::ranges::find(modules, name, &BuiltModule::name) != modules.end();
  };
  auto wanted = network_drivers(project);
  for (const auto& module : modules)
    std::ranges::copy_if(module.depends, std::back_inserter(wanted), std::not_fn(is_ours));
  if (wanted.empty() || kernel.modules.empty()) return std::vector<DriverModule>();
  KOBOX_TRY(auto drivers, modules_for(kernel, wanted, Missing::is_builtin));
  std::erase_if(drivers, [&](const DriverModule& one) { return is_ours(one.name); });
  return drivers;
}

// The first that does not build, or nothing.
Result<std::optional<Failure>> build_programs(const Project& project,
                                              const std::vector<TestSpec>& tests,
                                              const LabOptions& options,
                                              std::vector<BuiltProgram>& programs) {
  std::set<std::string> wanted;
  for (const auto& test : tests) wanted.insert(test.programs.begin(), test.programs.end());
  for (const auto& program : wanted) {
    KOBOX_TRY(auto outcome, build_program(project.directory / program, options.cache,
                                          Deadline::after(k_build_limit)));
    if (auto* failed = std::get_if<BuildFailure>(&outcome)) {
      // The compiler names files from the program's own directory.
      if (!failed->file.empty())
        failed->file = (std::filesystem::path(program).parent_path() / failed->file).string();
      return build_failure(*failed, project.directory);
    }
    programs.push_back(std::get<BuiltProgram>(std::move(outcome)));
  }
  return std::optional<Failure>();
}

// On the host or in the guest, as the project has it.
Result<std::variant<BuiltProject, Failure>> build(const LabOptions& options, const Project& project,
                                                  const std::vector<TestSpec>& tests,
                                                  const Prepared& prepared, AccelChoice accel,
                                                  const std::string& progress_key,
                                                  Progress& progress) {
  if (!builds_in_guest(project))
    return build_project(options, project, tests, prepared.kernel, progress);
  KOBOX_TRY(auto outcome,
            build_in_guest(options, project, prepared, accel, progress_key, progress));
  if (const auto* failed = std::get_if<BuildFailure>(&outcome))
    return build_failure(*failed, project.source);
  return BuiltProject{.common = std::get<BuiltModules>(std::move(outcome))};
}

}  // namespace

bool builds_in_guest(const Project& project) {
  return project.build == BuildWhere::guest && project.guest == GuestKind::disk;
}

Failure build_failure(const BuildFailure& failure, const std::filesystem::path& source) {
  return {.kind = FailureKind::build,
          .message = failure.message,
          .file = failure.file,
          .line = failure.line,
          .source = source_line(source / failure.file, failure.line),
          .log = failure.log,
          .console = failure.full_log.string()};
}

std::string module_names(const std::vector<BuiltModule>& modules) {
  std::vector<std::string> names;
  names.reserve(modules.size());
  for (const auto& module : modules) names.push_back(module.name);
  return join(names, ", ");
}

Result<Kernel> resolve_kernel(const LabOptions& options, const std::string& selector,
                              Progress& progress) {
  KOBOX_TRY(const auto parsed, parse_selector(selector));
  KernelStore store(options.cache, options.network, progress);
  return store.ensure(parsed, options.headers);
}

Result<std::vector<std::string>> expand_selectors(const LabOptions& options,
                                                  const std::vector<std::string>& selections,
                                                  Progress& progress, LookUp look_up) {
  KernelStore store(options.cache, options.network, progress);
  std::vector<std::string> all;
  for (const auto& text : selections) {
    KOBOX_TRY(const auto selection, parse_selection(text));
    auto selectors = store.expand(selection);
    if (!selectors && look_up == LookUp::may_fail &&
        selectors.error().kind() == ErrorKind::environment)
      selectors = selection.selectors;
    if (!selectors) return std::unexpected(std::move(selectors).error());
    for (const auto& one : *selectors)
      if (std::ranges::find(all, one.text) == all.end()) all.push_back(one.text);
  }
  return all;
}

BuildRequest build_request(const LabOptions& options, const Project& project, Progress& progress) {
  return {.source = project.source,
          .modules = project.modules,
          .cache = options.cache,
          .method = project.method,
          .make = project.make,
          .root = project.root,
          .deadline = Deadline::after(k_build_limit),
          .where = options.build_in,
          .network = options.network,
          .progress = &progress};
}

bool holds_module(const Project& project) {
  return !methods_for(project.source, BuildMethod::automatic).empty();
}

Result<Prepared> prepare_bare(const LabOptions& options, const Project& project,
                              const Kernel& kernel, Progress& progress) {
  KOBOX_TRY(auto cache_lock, use_cache(options.cache));
  KOBOX_TRY(auto lock, use_lock(kernel));
  Prepared prepared{
      .kernel = kernel, .kernel_lock = std::move(lock), .cache_lock = std::move(cache_lock)};
  if (project.guest == GuestKind::disk) {
    KOBOX_TRY(prepared.disk, hold_disk(options, project, kernel, progress));
    KOBOX_TRY(prepared.initramfs, ensure_disk_initramfs(kernel, options.cache));
  } else {
    KOBOX_TRY(prepared.initramfs, ensure_initramfs(kernel, options.cache));
    KOBOX_TRY(prepared.aliases, ensure_module_aliases(kernel, options.cache));
  }
  return prepared;
}

Result<PrepareOutcome> prepare(const LabOptions& options, const Project& project,
                               const std::vector<TestSpec>& tests, const Kernel& kernel,
                               const std::string& progress_key, Progress& progress,
                               AccelChoice accel) {
  KOBOX_TRY(auto prepared, prepare_bare(options, project, kernel, progress));
  progress.stage(progress_key, "building");
  KOBOX_TRY(auto outcome, build(options, project, tests, prepared, accel, progress_key, progress));
  if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
  auto& built = std::get<BuiltProject>(outcome);
  prepared.modules = std::move(built.common.modules);
  prepared.test_needs = std::move(built.test_needs);
  prepared.built_now = built.common.fresh;
  KOBOX_TRY(prepared.module_drivers, drivers_of(project, prepared));
  KOBOX_TRY(auto failed, build_programs(project, tests, options, prepared.programs));
  if (failed) return std::move(*failed);
  return prepared;
}

Result<> ensure_root_or_disk(const LabOptions& options, const Project& project,
                             const Kernel& kernel, Progress& progress) {
  KOBOX_TRY(const auto cache_lock, use_cache(options.cache));
  KOBOX_TRY(const auto lock, use_lock(kernel));
  if (project.guest == GuestKind::disk) KOBOX_CHECK(hold_disk(options, project, kernel, progress));
  if (builds_in_guest(project) || !holds_module(project)) return {};
  return make_build_sites(options, project, kernel, progress);
}

}  // namespace kobox
