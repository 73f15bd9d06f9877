// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/test_run.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <thread>

#include "arch/arch.h"
#include "base/files.h"
#include "base/regex.h"
#include "harness/kernel_run.h"

namespace kobox {
namespace {

// Machines at once: a core each, and no more than half of the memory that is free.
int default_jobs(const Project& project) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t available = std::uint64_t{1} << 30;
  if (const auto info = read_file("/proc/meminfo")) {
    const auto at = info->find("MemAvailable:");
    if (at != std::string::npos)
      available = std::strtoull(info->c_str() + at + 13, nullptr, 10) << 10;
  }
  const auto fitting =
      std::max<std::uint64_t>(1, available / 2 / (machine_memory(project) + (64ULL << 20)));
  return static_cast<int>(std::min<std::uint64_t>(cores, fitting));
}

}  // namespace

Result<std::vector<TestSpec>> select_tests(const Project& project, const std::string& filter) {
  if (project.tests.empty())
    return fail(ErrorKind::usage,
                "{} has no [[test]], so there is nothing to run; add one, or "
                "remove the file to have the module just loaded and unloaded",
                (project.folder / "kobox.toml").string());
  if (filter.empty()) return project.tests;
  auto pattern = Regex::compile(filter);
  if (!pattern) return std::unexpected(std::move(pattern).error().while_doing("--filter"));
  std::vector<TestSpec> chosen;
  std::ranges::copy_if(project.tests, std::back_inserter(chosen),
                       [&](const TestSpec& test) { return pattern->search(test.name); });
  if (chosen.empty()) {
    std::string names;
    for (const auto& test : project.tests) names += "\n  " + test.name;
    return fail(ErrorKind::usage, "no test's name matches --filter '{}'; there are:{}", filter,
                names);
  }
  return chosen;
}

Result<Report> run_tests(const TestOptions& options, Progress& progress, TestObserver& observer) {
  KOBOX_TRY(const auto tests, select_tests(options.project, options.filter));
  KOBOX_CHECK(find_qemu(default_arch()));
  const auto count = options.selectors.size();
  const int jobs = options.jobs > 0 ? options.jobs : default_jobs(options.project);
  SharedRun shared(options, tests, progress, observer, jobs);
  std::vector<std::optional<Result<KernelDone>>> results(count);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next++; i < count; i = next++) results[i].emplace(run_on_kernel(shared, i));
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 1; i < std::min<std::size_t>(count, static_cast<std::size_t>(jobs)); ++i)
    workers.emplace_back(work);
  work();
  for (auto& worker : workers) worker.join();

  Report report;
  for (auto& result : results) {
    if (!*result) return std::unexpected(std::move(*result).error());
    report.runs.push_back(std::move((*result)->result));
    if (report.module.empty()) report.module = (*result)->module;
  }
  // Nothing was built: the folder's name is what the user knows it by.
  if (report.module.empty()) report.module = options.project.source.filename().string();
  settle(report);
  return report;
}

}  // namespace kobox
