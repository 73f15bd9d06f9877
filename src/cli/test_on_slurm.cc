// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/test_on_slurm.h"

#include <algorithm>

#include "base/interrupt.h"
#include "base/text.h"
#include "cluster/slurm_run.h"
#include "harness/cache_use.h"
#include "harness/explain_build.h"
#include "kernel/cache.h"

namespace kobox {
namespace {

using Kernels = std::map<std::string, Kernel>;  // by what they are asked for

// Kernels, and what was made for them, stay in the cache while this lives.
struct Ready {
  Kernels kernels;
  std::vector<FileLock> locks = {};
};

Result<> make_ready(const TestOptions& options, const std::string& selector, Ready& ready,
                    Progress& progress) {
  KOBOX_TRY(auto kernel, resolve_kernel(options.lab, selector, progress));
  KOBOX_TRY(auto cache_lock, use_cache(options.lab.cache));
  KOBOX_TRY(auto kernel_lock, use_lock(kernel));
  ready.locks.push_back(std::move(cache_lock));
  ready.locks.push_back(std::move(kernel_lock));
  const auto made = ensure_root_or_disk(options.lab, options.project, kernel, progress);
  ready.kernels.emplace(selector, std::move(kernel));
  return made;
}

// What cannot be had is the shard's to report, as it is on one machine.
Result<Ready> make_all_ready(const TestOptions& options, Progress& progress) {
  Ready ready;
  for (const auto& selector : options.selectors) {
    const auto made = make_ready(options, selector, ready, progress);
    if (interrupted()) return fail_interrupted();
    if (!made) progress.note(fmt::format("{}: {}", selector, made.error().to_string()));
  }
  return ready;
}

using Pairs = std::set<std::pair<std::string, std::string>>;

std::vector<Pairs> shards_of(const SlurmArguments& arguments, const TestOptions& options,
                             const std::vector<TestSpec>& tests) {
  const auto wanted =
      arguments.shards > 0 ? static_cast<std::size_t>(arguments.shards) : options.selectors.size();
  // More tasks than there are pairs would have nothing to do.
  const auto count = static_cast<int>(std::min(wanted, tests.size() * options.selectors.size()));
  std::vector<Pairs> shards;
  for (int i = 1; i <= count; ++i) {
    auto& pairs = shards.emplace_back();
    for (const auto& kernel : plan_shard(options.selectors, tests, {i, count}, options.times))
      for (const auto& test : kernel.tests) pairs.emplace(kernel.selector, test.name);
  }
  return shards;
}

}  // namespace

void add_slurm_options(CLI::App& command, SlurmArguments& arguments) {
  command.add_option("--on", arguments.on, "Where: slurm, a job array on a cluster")
      ->type_name("NAME");
  command
      .add_option("--shards", arguments.shards, "Tasks of the job array (default: one a kernel)")
      ->type_name("N")
      ->check(CLI::Range(1, k_max_shards));
  command.add_option("--partition", arguments.partition, "Slurm's partition")->type_name("NAME");
  command
      .add_option("--sbatch", arguments.sbatch,
                  "An argument for sbatch, such as --sbatch=--time=30; may be given several times")
      ->type_name("ARG")
      ->allow_extra_args(false);
}

Result<> check_slurm_options(const SlurmArguments& arguments) {
  if (!arguments.on.empty() && arguments.on != "slurm")
    return fail(ErrorKind::usage, "--on '{}': use slurm", printable(arguments.on));
  const char* option = arguments.shards > 0           ? "--shards"
                       : !arguments.partition.empty() ? "--partition"
                       : !arguments.sbatch.empty()    ? "--sbatch"
                                                      : nullptr;
  if (arguments.on.empty() && option != nullptr)
    return fail(ErrorKind::usage, "{} is for a cluster: add --on slurm", option);
  return {};
}

Result<Report> test_on_slurm(const SlurmArguments& arguments, const TestOptions& options,
                             const std::vector<std::string>& words, Progress& progress) {
  KOBOX_TRY(const auto tests, select_tests(options.project, options.filter));
  for (const auto& selector : options.selectors) KOBOX_CHECK(parse_selector(selector));
  KOBOX_TRY(const auto ready, make_all_ready(options, progress));

  SlurmRun run{.whole = {.module = name_of(options.project),
                         .project = options.project.digest,
                         .selectors = options.selectors},
               .command = {},
               .times = options.times,
               .sbatch = arguments.sbatch,
               .state = options.lab.state};
  for (const auto& test : tests) run.whole.tests.push_back(test.name);
  run.shards = shards_of(arguments, options, tests);
  std::error_code error;
  run.command = {std::filesystem::read_symlink("/proc/self/exe", error).string(), "test"};
  if (error) return fail(ErrorKind::environment, "cannot read /proc/self/exe: {}", error.message());
  run.command.insert(run.command.end(), words.begin(), words.end());
  if (!arguments.partition.empty()) run.sbatch.push_back("--partition=" + arguments.partition);
  KOBOX_TRY(auto report, run_on_slurm(run, progress));
  if (!report.interrupted) explain_report(report, ready.kernels, options.project, options.lab);
  return report;
}

}  // namespace kobox
