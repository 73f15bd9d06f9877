// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/kernel_run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "arch/arch.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "harness/machines.h"
#include "harness/run_folder.h"
#include "harness/session.h"

namespace kobox {
namespace {

// So many machines more than commands run at once: while one runs its command, the next is started,
// and those before are watched for late trouble, which takes no CPU.
constexpr int k_machines_ahead = 4;
// With fewer tests it costs more to save a machine with the module loaded than it saves.
constexpr std::ptrdiff_t k_worth_loading_once = 3;

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

class KernelRun {
 public:
  KernelRun(SharedRun& shared, std::size_t index)
      : shared_(shared),
        options_(shared.options),
        tests_(shared.tests),
        index_(index),
        selector_(options_.selectors[index]),
        progress_(shared.progress),
        finished_(tests_.size()) {
    result_.kernel = selector_;
    result_.arch = default_arch().name;
  }

  Result<KernelDone> go() {
    auto done = stages();
    machines_.reset();
    if (folder_ && options_.keep == Keep::everything)
      progress_.note(fmt::format("kept {}", folder_->path().string()));
    folder_.reset();
    progress_.done(selector_);
    if (!done) return std::unexpected(done.error());
    settle(result_);
    const std::lock_guard lock(shared_.observing);
    if (!announced_) shared_.observer.run_started(index_, result_);
    shared_.observer.run_done(index_, result_);
    return KernelDone{prepared_ ? prepared_->module->name : options_.project.module_name,
                      std::move(result_)};
  }

 private:
  Result<> stages() {
    KOBOX_CHECK(get_ready());
    if (result_.failure) return {};
    // With the accelerator unknown the first boot finds it out for all others.
    if (first_alone_) work(/*limit=*/1);
    std::vector<std::thread> helpers;
    const auto threads = std::min(tests_.size(), static_cast<std::size_t>(shared_.threads));
    while (helpers.size() + 1 < threads) helpers.emplace_back([this] { work(tests_.size()); });
    work(tests_.size());
    for (auto& helper : helpers) helper.join();
    if (trouble_) return std::unexpected(*trouble_);
    if (failed_) fail_run(std::move(*failed_));
    return {};
  }

  // Kernel, module and template; what stands in the way may be a failure of the run.
  Result<> get_ready() {
    const auto slot = shared_.working.take();
    if (interrupted()) return fail_interrupted();
    progress_.stage(selector_, "looking for the kernel");
    Stopwatch watch;
    KOBOX_TRY(const auto kernel, resolve_kernel(options_.lab, selector_, progress_));
    result_.kernel = kernel.release;
    took(watch, "found the kernel");
    KOBOX_TRY(auto outcome, prepare(options_.lab, options_.project, tests_, kernel, selector_,
                                    progress_, options_.accel));
    if (auto* failure = std::get_if<Failure>(&outcome)) {
      fail_run(std::move(*failure));
      return {};
    }
    prepared_.emplace(std::get<Prepared>(std::move(outcome)));
    took(watch, prepared_->module->fresh ? "built the module" : "found the module built");
    return get_machines();
  }

  Result<> get_machines() {
    const auto wanted = std::ranges::count_if(
        tests_, [&](const TestSpec& test) { return skip_reason(test).empty(); });
    if (wanted == 0) return {};
    KOBOX_TRY(auto folder, RunFolder::make(options_.lab.state, options_.keep == Keep::everything));
    folder_.emplace(std::move(folder));
    machines_.emplace(options_.project, *prepared_,
                      Session::Options{.accel = options_.accel,
                                       .cache = options_.lab.cache,
                                       .state = options_.lab.state,
                                       .folder = folder_->path(),
                                       .timeout = options_.timeout,
                                       .collected = options_.collected / result_.kernel},
                      options_.isolation, progress_);
    progress_.stage(selector_, "booting");
    Stopwatch watch;
    KOBOX_TRY(auto failure, machines_->make_ready());
    if (const auto decision = machines_->decision()) know_accel(*decision);
    if (!failure && machines_->forks()) {
      took(watch,
           machines_->made_template() ? "booted and saved a machine" : "found a saved machine");
      // A module that has found its device cannot be saved with it (Session::renew_devices).
      if (wanted >= k_worth_loading_once && options_.project.devices.empty()) {
        KOBOX_TRY(failure, machines_->load_once());
        took(watch, "loaded the module");
      }
    }
    if (failure) {
      folder_->keep();
      fail_run(std::move(*failure));
    } else if (!machines_->decision()) {
      KOBOX_TRY(const auto settled,
                settled_accel(prepared_->kernel, options_.accel, options_.lab.cache));
      first_alone_ = !settled;
    }
    return {};
  }

  void fail_run(Failure failure) {
    failure.reproduce = reproduce("");
    result_.failure = std::move(failure);
    if (result_.accel.empty() && prepared_)
      result_.accel = options_.accel == AccelWish::kvm ? "kvm" : "tcg";
  }

  // Takes so many tests, or until none is left or the others have become pointless.
  void work(std::size_t limit) {
    for (; limit > 0 && !stop_; --limit) {
      const auto i = next_++;
      if (i >= tests_.size()) return;
      if (auto done = one_test(i); !done) {
        const std::lock_guard lock(mutex_);
        if (!trouble_) trouble_ = done.error();
        stop_ = true;
      }
    }
  }

  Result<> one_test(std::size_t i) {
    const auto& test = tests_[i];
    if (const auto reason = skip_reason(test); !reason.empty()) {
      file(i, {.result = skipped_test(test.name, reason), .stage = Session::Stage::testing});
      return {};
    }
    const auto machine = shared_.machines.take();
    if (interrupted()) return fail_interrupted();
    progress_.stage(selector_, test.name);
    const auto folder = folder_->path() / fmt::format("{:03}", i + 1);
    KOBOX_CHECK(make_folders(folder));
    std::string note;
    std::optional<Session::Outcome> outcome;
    if (machines_->forks()) {
      KOBOX_TRY(outcome, in_fork(test, folder, note));
    }
    if (!outcome) {
      KOBOX_TRY(outcome, in_fresh_boot(test, folder));
    }
    if (!note.empty())
      outcome->result.note =
          outcome->result.note.empty() ? note : note + "; " + outcome->result.note;
    const bool passed = !outcome->result.failure;
    file(i, std::move(*outcome));
    return passed && options_.keep != Keep::everything ? remove_tree(folder) : Result<>();
  }

  // Nothing if the fork does not wake; the note then says so.
  Result<std::optional<Session::Outcome>> in_fork(const TestSpec& test, const fs::path& folder,
                                                  std::string& note) {
    EventLoop loop;
    auto session = machines_->fork(loop, folder, use_for(test));
    // Others may still run their commands while it wakes.
    const auto awake = session ? (*session)->wake((*session)->limit_of(test))
                               : Result<>(std::unexpected(session.error()));
    if (awake) {
      auto slot = shared_.working.take();
      if (interrupted()) return fail_interrupted();
      return (*session)->run(test, [&] { slot.release(); });
    }
    if (awake.error().kind() == ErrorKind::interrupted) return std::unexpected(awake.error());
    machines_->distrust_forks();
    note =
        fmt::format("run from a fresh boot, because its fork of the saved machine did not wake: {}",
                    awake.error().message());
    return std::optional<Session::Outcome>();
  }

  // A boot that fails is an outcome before the test.
  Result<Session::Outcome> in_fresh_boot(const TestSpec& test, const fs::path& folder) {
    EventLoop loop;
    auto slot = shared_.working.take();
    if (interrupted()) return fail_interrupted();
    Stopwatch watch;
    KOBOX_TRY(auto opened, machines_->boot(loop, folder, use_for(test)));
    if (auto* failure = std::get_if<Failure>(&opened)) {
      return Session::Outcome{.result = judged_test(test.name, std::move(*failure))};
    }
    auto& session = *std::get<std::unique_ptr<Session>>(opened);
    took(watch, "booted");
    know_accel(session.decision());
    return session.run(test, [&] { slot.release(); });
  }

  void know_accel(const AccelDecision& decision) {
    const std::lock_guard lock(mutex_);
    if (!result_.accel.empty()) return;
    result_.accel = to_string(decision.accel);
    result_.accel_reason = decision.reason;
    announce();
  }

  // Takes an outcome, and passes on all that are next in the file's order.
  void file(std::size_t i, Session::Outcome outcome) {
    const std::lock_guard lock(mutex_);
    if (outcome.result.failure) folder_->keep();
    if (outcome.stage == Session::Stage::testing) {
      if (outcome.result.failure) outcome.result.failure->reproduce = reproduce(tests_[i].name);
      finished_[i] = std::move(outcome.result);
    } else if (i < failed_at_) {  // it concerns the whole run
      failed_ = std::move(outcome.result.failure);
      failed_at_ = i;
      stop_ = true;
    }
    for (auto& next = filed_; next < failed_at_ && next < finished_.size() && finished_[next];
         ++next)
      record(std::move(*finished_[next]));
  }

  void record(TestResult test) {
    announce();
    result_.tests.push_back(std::move(test));
    const std::lock_guard lock(shared_.observing);
    shared_.observer.test_done(index_, result_.tests.back());
  }

  void announce() {
    if (std::exchange(announced_, true)) return;
    const std::lock_guard lock(shared_.observing);
    shared_.observer.run_started(index_, result_);
  }

  static Machines::Use use_for(const TestSpec& test) {
    return test.breakpoints.empty() ? Machines::Use::tests : Machines::Use::debugging;
  }

  std::string skip_reason(const TestSpec& test) const {
    if (test.guest && *test.guest != options_.project.guest)
      return fmt::format("is for the {} guest", to_string(*test.guest));
    if (test.kernels.empty()) return "";
    const auto fits = release_satisfies(result_.kernel, test.kernels);
    if (fits && *fits) return "";
    return fmt::format("is for kernels {}", test.kernels);
  }

  std::string reproduce(const std::string& test) const {
    auto command = fmt::format("{} --kernel {}", options_.command, shell_quote(selector_));
    if (!test.empty()) command += " --filter " + shell_quote("^" + regex_escape(test) + "$");
    return command;
  }

  void took(Stopwatch& watch, const char* what) {
    progress_.detail(
        fmt::format("{}: {} in {}", result_.kernel, what, format_duration(watch.lap())));
  }

  SharedRun& shared_;
  const TestOptions& options_;
  const std::vector<TestSpec>& tests_;
  std::size_t index_;
  std::string selector_;
  Progress& progress_;
  std::optional<Prepared> prepared_;
  std::optional<RunFolder> folder_;
  std::optional<Machines> machines_;
  bool first_alone_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  // From here on under mutex_ while tests run.
  std::mutex mutex_;
  RunResult result_;
  bool announced_ = false;
  std::vector<std::optional<TestResult>> finished_;
  std::size_t filed_ = 0;  // how many of them the observer knows
  std::optional<Failure> failed_;
  std::size_t failed_at_ = SIZE_MAX;
  std::optional<Error> trouble_;
};

}  // namespace

SharedRun::SharedRun(const TestOptions& run_options, const std::vector<TestSpec>& chosen,
                     Progress& run_progress, TestObserver& run_observer, int jobs)
    : options(run_options),
      tests(chosen),
      progress(run_progress),
      observer(run_observer),
      working(jobs),
      machines(jobs + k_machines_ahead),
      threads(jobs + k_machines_ahead) {}

Result<KernelDone> run_on_kernel(SharedRun& shared, std::size_t index) {
  return KernelRun(shared, index).go();
}

}  // namespace kobox
