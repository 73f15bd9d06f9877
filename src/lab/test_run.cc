// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/test_run.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/regex.h"
#include "base/text.h"
#include "lab/run_folder.h"
#include "lab/session.h"

namespace kobox {
namespace {

// Characters that mean something in a regular expression.
std::string regex_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("^$\\.*+?()[]{}|/").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

class Stopwatch {
 public:
  // The time since the last lap.
  Duration lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration_cast<Duration>(now - std::exchange(start_, now));
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// One kernel's way from source to results, on a thread of its own.
class KernelRun {
 public:
  KernelRun(const TestOptions& options, const std::vector<TestSpec>& tests, std::size_t index,
            Progress& progress, TestObserver& observer, std::mutex& observing)
      : options_(options),
        tests_(tests),
        index_(index),
        selector_(options.selectors[index]),
        progress_(progress),
        observer_(observer),
        observing_(observing) {
    result_.kernel = selector_;
    result_.arch = "x86_64";
  }

  struct Done {
    std::string module;  // its name, "" if it was not built
    RunResult result;
  };

  Result<Done> go() {
    auto done = stages();
    progress_.done(selector_);
    if (!done) return std::unexpected(done.error());
    settle(result_);
    const std::lock_guard lock(observing_);
    if (!announced_) observer_.run_started(index_, result_);
    observer_.run_done(index_, result_);
    return Done{prepared_ ? prepared_->module->name : options_.project.module_name,
                std::move(result_)};
  }

 private:
  Result<> stages() {
    progress_.stage(selector_, "looking for the kernel");
    Stopwatch watch;
    KOBOX_TRY(const auto kernel, resolve_kernel(options_.lab, selector_, progress_));
    result_.kernel = kernel.release;
    took(watch, "found the kernel");
    KOBOX_TRY(auto outcome,
              prepare(options_.lab, options_.project, tests_, kernel, selector_, progress_));
    if (auto* failure = std::get_if<Failure>(&outcome)) {
      failure->reproduce = reproduce("");
      result_.failure = std::move(*failure);
      return {};
    }
    prepared_.emplace(std::get<Prepared>(std::move(outcome)));
    took(watch, prepared_->module->fresh ? "built the module" : "found the module built");
    for (const auto& test : tests_) {
      if (interrupted()) return fail_interrupted();
      KOBOX_CHECK(one_test(test));
      if (result_.failure) break;
    }
    return close_session();
  }

  Result<> one_test(const TestSpec& test) {
    if (const auto reason = skip_reason(test); !reason.empty()) {
      announce();
      record({.name = test.name, .verdict = Verdict::skip, .skip_reason = reason});
      return {};
    }
    KOBOX_TRY(const bool open, ensure_session());
    if (!open) return {};
    progress_.stage(selector_, test.name);
    KOBOX_TRY(auto outcome, session_->run(test));
    if (outcome.result.failure) folder_->keep();
    if (outcome.before_test) {
      result_.failure = std::move(*outcome.result.failure);
      result_.failure->reproduce = reproduce("");
    } else {
      if (outcome.result.failure) outcome.result.failure->reproduce = reproduce(test.name);
      record(std::move(outcome.result));
    }
    const bool again =
        outcome.state == MachineState::clean && options_.isolation == Isolation::shared_boot;
    return again ? Result<>() : close_session();
  }

  void took(Stopwatch& watch, const char* what) {
    progress_.detail(
        fmt::format("{}: {} in {}", result_.kernel, what, format_duration(watch.lap())));
  }

  // False: it does not boot, which is now the run's failure.
  Result<bool> ensure_session() {
    if (session_) return true;
    progress_.stage(selector_, "booting");
    Stopwatch watch;
    loop_.emplace();
    KOBOX_TRY(auto folder, RunFolder::make(options_.lab.state, options_.keep == Keep::everything));
    folder_.emplace(std::move(folder));
    KOBOX_TRY(auto opened, Session::open(*loop_, options_.project, *prepared_,
                                         {.accel = options_.accel,
                                          .cache = options_.lab.cache,
                                          .folder = folder_->path(),
                                          .timeout = options_.timeout}));
    if (auto* failure = std::get_if<Failure>(&opened)) {
      folder_->keep();
      failure->reproduce = reproduce("");
      result_.failure = std::move(*failure);
      result_.accel = options_.accel == AccelWish::kvm ? "kvm" : "tcg";
      return false;
    }
    session_ = std::move(std::get<Session::Opened>(opened).session);
    result_.accel = to_string(session_->decision().accel);
    result_.accel_reason = session_->decision().reason;
    took(watch, "booted");
    announce();
    return true;
  }

  Result<> close_session() {
    session_.reset();
    loop_.reset();
    if (folder_ && options_.keep == Keep::everything)
      progress_.note(fmt::format("kept {}", folder_->path().string()));
    folder_.reset();
    return {};
  }

  std::string skip_reason(const TestSpec& test) const {
    if (!test.breakpoints.empty())
      return "its breakpoints need a debugger, which kobox does not have yet";
    if (test.kernels.empty()) return "";
    const auto fits = release_satisfies(result_.kernel, test.kernels);
    if (fits && *fits) return "";
    return fmt::format("is for kernels {}", test.kernels);
  }

  void announce() {
    if (announced_) return;
    const std::lock_guard lock(observing_);
    observer_.run_started(index_, result_);
    announced_ = true;
  }

  void record(TestResult test) {
    result_.tests.push_back(std::move(test));
    const std::lock_guard lock(observing_);
    observer_.test_done(index_, result_.tests.back());
  }

  std::string reproduce(const std::string& test) const {
    auto command = fmt::format("{} --kernel {}", options_.command, shell_quote(selector_));
    if (!test.empty()) command += " --filter " + shell_quote("^" + regex_escape(test) + "$");
    return command;
  }

  const TestOptions& options_;
  const std::vector<TestSpec>& tests_;
  std::size_t index_;
  std::string selector_;
  Progress& progress_;
  TestObserver& observer_;
  std::mutex& observing_;
  RunResult result_;
  bool announced_ = false;
  std::optional<Prepared> prepared_;
  std::optional<RunFolder> folder_;
  std::optional<EventLoop> loop_;
  std::unique_ptr<Session> session_;  // after the loop it lives on
};

// Machines at once: a core each, and no more than half of the memory that is free.
int default_jobs(const Project& project) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t available = std::uint64_t{1} << 30;
  if (const auto info = read_file("/proc/meminfo")) {
    const auto at = info->find("MemAvailable:");
    if (at != std::string::npos)
      available = std::strtoull(info->c_str() + at + 13, nullptr, 10) << 10;
  }
  const auto fitting = std::max<std::uint64_t>(1, available / 2 / (project.memory + (64ULL << 20)));
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
  KOBOX_CHECK(find_qemu());
  const auto count = options.selectors.size();
  std::vector<std::optional<Result<KernelRun::Done>>> results(count);
  std::mutex observing;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next++; i < count; i = next++)
      results[i].emplace(KernelRun(options, tests, i, progress, observer, observing).go());
  };
  const int jobs = options.jobs > 0 ? options.jobs : default_jobs(options.project);
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
