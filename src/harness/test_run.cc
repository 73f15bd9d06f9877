// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/test_run.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>

#include "arch/arch.h"
#include "base/catching.h"
#include "base/interrupt.h"
#include "base/regex.h"
#include "base/text.h"
#include "base/workers.h"
#include "harness/explain_build.h"
#include "harness/kernel_run.h"

namespace kobox {
namespace {

class RealSource : public KernelSource {
 public:
  RealSource(const TestOptions& options, Progress& progress)
      : options_(options), progress_(progress) {}
  Result<Kernel> find(const std::string& selector) override {
    return resolve_kernel(options_.lab, selector, progress_);
  }
  Result<PrepareOutcome> prepare(const Kernel& kernel, const std::string& selector,
                                 const std::vector<TestSpec>& tests) override {
    return kobox::prepare(options_.lab, options_.project, tests, kernel, selector, progress_,
                          options_.accel);
  }

 private:
  const TestOptions& options_;
  Progress& progress_;
};

// Of a kernel whose thread had no memory left even to say so.
KernelDone not_run(const SharedRun& shared, std::size_t index, const Error& error) {
  return {
      .module = "",
      .result = {.kernel = shared.plan[index].selector,
                 .arch = std::string(default_arch().name),
                 .failure = Failure{.kind = FailureKind::environment, .message = error.to_string()},
                 .selector = shared.plan[index].selector}};
}

// All kernels, as many at once as there are jobs.
std::vector<KernelDone> run_on_kernels(SharedRun& shared) {
  const auto count = shared.plan.size();
  std::vector<KernelDone> done(count);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next++; i < count; i = next++) {
      auto one = catching([&]() -> Result<KernelDone> { return run_on_kernel(shared, i); });
      done[i] = one ? std::move(*one) : not_run(shared, i, one.error());
    }
  };
  Workers workers;
  const auto threads = std::min(count, static_cast<std::size_t>(shared.budget.jobs));
  for (std::size_t i = 1; i < threads; ++i)
    if (!workers.add(work)) break;
  work();
  workers.join();
  return done;
}

Report report_of(std::vector<KernelDone> kernels, const TestOptions& options,
                 const std::vector<TestSpec>& tests) {
  const auto& project = options.project;
  Report report{.project = project.digest, .selectors = options.selectors, .shard = options.shard};
  for (const auto& test : tests) report.tests.push_back(test.name);
  for (auto& one : kernels) {
    settle(one.result);
    report.runs.push_back(std::move(one.result));
    report.interrupted = report.interrupted || one.interrupted;
    if (report.module.empty()) report.module = one.module;
  }
  // Nothing was built: the directory's name is what the user knows it by.
  if (report.module.empty()) report.module = project.source.filename().string();
  settle(report);
  name_tests(report);
  return report;
}

Result<std::vector<TestSpec>> matching(const std::vector<TestSpec>& tests,
                                       const std::string& filter) {
  auto pattern = Regex::compile(filter);
  if (!pattern) return std::unexpected(std::move(pattern).error().while_doing("--filter"));
  std::vector<TestSpec> chosen;
  std::ranges::copy_if(tests, std::back_inserter(chosen),
                       [&](const TestSpec& test) { return pattern->search(test.name); });
  return chosen;
}

std::unexpected<Error> no_match(const std::vector<TestSpec>& tests, const std::string& filter) {
  std::string names;
  for (const auto& test : tests) names += "\n  " + test.name;
  return fail(ErrorKind::usage, "no test's name matches --filter '{}'; there are:{}", filter,
              names);
}

}  // namespace

Result<std::vector<TestSpec>> select_tests(const Project& project, const std::string& filter) {
  if (project.tests.empty())
    return fail(ErrorKind::usage,
                "{} has no [[test]], so there is nothing to run; add one, or "
                "remove the file to have the module just loaded and unloaded",
                (project.directory / "kobox.toml").string());
  KOBOX_TRY(auto chosen, matching(project.tests, filter));
  if (!project.has_file) return project.tests;
  if (chosen.empty()) return no_match(project.tests, filter);
  return chosen;
}

Result<std::vector<TestSpec>> select_module_tests(const std::vector<TestSpec>& asked,
                                                  const std::vector<std::string>& modules,
                                                  const std::string& filter) {
  std::vector<TestSpec> tests;
  for (const auto& module : modules)
    tests.push_back({.name = module, .run = "", .modules = {module}});
  KOBOX_TRY(auto chosen, matching(tests, filter));
  KOBOX_TRY(const auto by_default_name, matching(asked, filter));
  if (chosen.empty() && by_default_name.empty()) {
    tests.insert(tests.begin(), asked.begin(), asked.end());
    return no_match(tests, filter);
  }
  if (modules.size() <= 1) return asked;
  return chosen.empty() ? tests : chosen;
}

Result<Report> run_tests(const TestOptions& options, Progress& progress, TestObserver& observer) {
  RealSource source(options, progress);
  return run_tests(options, progress, observer, source, look_at_host());
}

Result<Report> run_tests(const TestOptions& options, Progress& progress, TestObserver& observer,
                         KernelSource& source, const HostRoom& room) {
  KOBOX_TRY(const auto tests, select_tests(options.project, options.filter));
  for (const auto& selector : options.selectors) KOBOX_CHECK(parse_selector(selector));
  const auto plan = plan_shard(options.selectors, tests, options.shard, options.times);
  if (plan.empty()) {
    progress.note(fmt::format(
        "shard {}/{} has nothing to do: there are {} tests on {} kernels in all",
        options.shard.index, options.shard.count, tests.size(), options.selectors.size()));
    return report_of({}, options, tests);
  }
  const auto memory = machine_memory(options.project);
  const auto budget = share_out(room, options.jobs, plan.size(), memory);
  if (options.jobs > 0 && !budget.fits_wanted)
    progress.note(fmt::format(
        "{} tests at once instead of {}: more machines of {} do not fit into this host's free "
        "memory, or its limit on open files (ulimit -n)",
        budget.jobs, options.jobs, format_bytes(memory)));
  SharedRun shared{.options = options,
                   .plan = plan,
                   .progress = progress,
                   .observer = {observer},
                   .source = source,
                   .budget = budget};
  auto kernels = run_on_kernels(shared);
  if (std::ranges::all_of(kernels,
                          [](const KernelDone& one) { return one.usage_error.has_value(); }))
    return std::unexpected(*kernels.front().usage_error);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    if (!kernels[i].usage_error) continue;
    observer.run_started(i, kernels[i].result);
    observer.run_done(i, kernels[i].result);
  }
  std::map<std::string, Kernel> known;
  for (const auto& one : kernels)
    if (one.kernel) known.emplace(one.result.selector, *one.kernel);
  auto report = report_of(std::move(kernels), options, tests);
  if (!interrupted()) explain_report(report, known, options.project, options.lab);
  return report;
}

}  // namespace kobox
