// SPDX-License-Identifier: GPL-2.0-or-later
// Preparing a kernel and its machines, and running its tests in them.
#include "harness/kernel_run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "arch/arch.h"
#include "base/catching.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "base/workers.h"
#include "harness/machines.h"
#include "harness/run_directory.h"
#include "harness/session.h"
#include "harness/test_modules.h"

namespace kobox {
namespace {

// With fewer tests it costs more to save a machine with the module loaded than it saves.
constexpr std::ptrdiff_t k_worth_loading_once = 3;
// Where the accelerator is not known yet, one machine of each boots.
constexpr int k_racing = 2;

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

Failure host_failure(const Error& error) {
  return {.kind = FailureKind::environment, .message = error.to_string()};
}

class KernelRun {
 public:
  KernelRun(SharedRun& shared, std::size_t index)
      : shared_(shared),
        options_(shared.options),
        tests_(shared.plan[index].tests),
        selector_(shared.plan[index].selector),
        progress_(shared.progress),
        record_(shared.observer, index, tests_, selector_, options_.command) {}

  KernelDone go() {
    KernelDone done;
    const auto prepared = catching([this] { return get_ready(); });
    if (!prepared && prepared.error().kind() == ErrorKind::usage)
      done.usage_error = prepared.error();
    if (!prepared)
      end_early(prepared.error());
    else if (!record_.failed())
      run_tests();
    machines_.reset();
    if (directory_ && options_.keep == Keep::everything)
      progress_.note(fmt::format("kept {}", directory_->path().string()));
    directory_.reset();
    progress_.done(selector_);
    done.module = name();
    done.kernel = kernel_;
    done.interrupted = interrupted_;
    done.result = done.usage_error ? record_.withhold() : record_.finish(interrupted_);
    return done;
  }

 private:
  // What ends the run before its tests, or in their midst.
  void end_early(const Error& error) {
    stop_ = true;
    if (error.kind() == ErrorKind::interrupted)
      interrupted_ = true;
    else
      record_.fail_run(host_failure(error));
  }

  // Kernel, module and machines; what the module or its kernel does wrong is in the record.
  Result<> get_ready() {
    KOBOX_CHECK(find_qemu(default_arch()));
    {
      const auto builder = shared_.machines.take(builds_in_guest(options_.project) ? k_racing : 0);
      const auto working = shared_.working.take();
      KOBOX_CHECK(prepare_kernel());
    }
    if (record_.failed()) return {};
    wanted_ = std::ranges::count_if(
        tests_, [&](const TestSpec& test) { return skip_reason(test).empty(); });
    if (wanted_ == 0) return {};
    KOBOX_TRY(const auto settled,
              settled_accel(prepared_->kernel, options_.accel, options_.lab.cache));
    const auto machine = shared_.machines.take(settled ? 1 : k_racing);
    const auto working = shared_.working.take();
    if (interrupted()) return fail_interrupted();
    accel_known_ = settled || options_.isolation == Isolation::forked;
    KOBOX_CHECK(get_machines());
    if (record_.failed()) record_.suppose_accel(options_.accel);
    return {};
  }

  Result<> prepare_kernel() {
    if (interrupted()) return fail_interrupted();
    progress_.stage(selector_, "looking for the kernel");
    Stopwatch watch;
    KOBOX_TRY(const auto kernel, shared_.source.find(selector_));
    kernel_ = kernel;
    release_ = kernel.release;
    record_.know_kernel(release_);
    took(watch, "found the kernel");
    KOBOX_TRY(auto outcome, shared_.source.prepare(kernel, selector_, tests_));
    if (auto* failure = std::get_if<Failure>(&outcome)) {
      record_.fail_run(std::move(*failure));
      return {};
    }
    prepared_.emplace(std::get<Prepared>(std::move(outcome)));
    took(watch, prepared_->built_now ? "built the module" : "found the module built");
    record_.know_modules(prepared_->modules);
    return options_.project.has_file ? Result<>() : test_each_module();
  }

  // Where nothing says what to test, each module gets a test of its own.
  Result<> test_each_module() {
    std::vector<std::string> modules;
    for (const auto& module : prepared_->modules) modules.push_back(module.name);
    KOBOX_TRY(tests_, select_module_tests(tests_, modules, options_.filter));
    record_.expect(tests_);
    return {};
  }

  // What the run's module is called; "" where nothing was built and nobody has said.
  std::string name() const {
    const auto& project = options_.project;
    if (!prepared_) return join(project.modules, ", ");
    return prepared_->modules.size() == 1 ? prepared_->modules.front().name : name_of(project);
  }

  Result<> get_machines() {
    KOBOX_TRY(auto directory,
              RunDirectory::make(options_.lab.state, options_.keep == Keep::everything));
    directory_.emplace(std::move(directory));
    machines_.emplace(options_.project, *prepared_,
                      Session::Options{.accel = options_.accel,
                                       .cache = options_.lab.cache,
                                       .state = options_.lab.state,
                                       .directory = directory_->path(),
                                       .timeout = options_.timeout,
                                       .collected = options_.collected / release_},
                      options_.isolation, progress_);
    progress_.stage(selector_, "booting");
    Stopwatch watch;
    KOBOX_TRY(auto failure, machines_->make_ready());
    if (const auto decision = machines_->decision()) record_.know_accel(*decision);
    if (!failure && machines_->forks()) {
      took(watch,
           machines_->made_template() ? "booted and saved a machine" : "found a saved machine");
      if (worth_loading_once()) {
        KOBOX_TRY(failure, machines_->load_once());
        took(watch, "loaded the module");
      }
    }
    if (!failure) return {};
    directory_->keep();
    record_.fail_run(std::move(*failure));
    return {};
  }

  // A module that has found its device cannot be saved with it (Session::rescan_devices).
  bool worth_loading_once() const {
    const auto gain = std::ranges::count_if(tests_, [&](const TestSpec& test) {
      return skip_reason(test).empty() && use_for(test) == Machines::Use::tests;
    });
    return shared_.budget.load_once && gain >= k_worth_loading_once &&
           options_.project.devices.empty();
  }

  void run_tests() {
    // With the accelerator unknown the first boot finds it out for all others.
    while (!accel_known_ && !stop_ && next_ < tests_.size()) work(/*limit=*/1);
    Workers helpers;
    const auto threads = std::min(tests_.size(), static_cast<std::size_t>(shared_.budget.machines));
    for (std::size_t i = 1; i < threads; ++i)
      if (!helpers.add([this] { work(tests_.size()); })) break;
    work(tests_.size());
  }

  // Takes so many tests, or until none is left or the others have become pointless.
  void work(std::size_t limit) {
    for (; limit > 0 && !stop_; --limit) {
      const auto i = next_++;
      if (i >= tests_.size()) return;
      const auto done = catching([&] { return one_test(i); });
      if (done) continue;
      if (done.error().kind() == ErrorKind::interrupted)
        end_early(done.error());
      else
        record_.take(i, judged_test(tests_[i].name, host_failure(done.error())));
    }
  }

  Result<> one_test(std::size_t i) {
    const auto& test = tests_[i];
    if (auto reason = skip_reason(test); !reason.empty()) {
      record_.take(i, skipped_test(test.name, std::move(reason)));
      return {};
    }
    const auto machine = shared_.machines.take(accel_known_ ? 1 : k_racing);
    if (interrupted()) return fail_interrupted();
    progress_.stage(selector_, test.name);
    const auto directory = directory_->path() / fmt::format("{:03}", i + 1);
    KOBOX_CHECK(make_directories(directory));
    KOBOX_TRY(auto outcome, in_machine(test, directory));
    const bool passed = !outcome.result.failure;
    if (!passed) keep_directory();
    if (outcome.stage == Session::Stage::testing) {
      record_.take(i, std::move(outcome.result));
    } else {  // it concerns the whole run
      stop_ = true;
      record_.fail_run(std::move(*outcome.result.failure), i);
    }
    // What cannot be removed now goes with the run's directory.
    if (passed && options_.keep != Keep::everything) [[maybe_unused]]
      const auto removed = remove_tree(directory);
    return {};
  }

  // Others may still run their commands while a fork resumes; a boot is work.
  Result<Session::Outcome> in_machine(const TestSpec& test, const fs::path& directory) {
    EventLoop loop;
    Slots::Slot working;
    const auto begin = [&] {
      if (!working.held()) working = shared_.working.take();
    };
    KOBOX_TRY(auto opened,
              machines_->open(loop, directory, use_for(test),
                              limit_of(test, options_.project, options_.timeout), begin));
    if (auto* failure = std::get_if<Failure>(&opened))
      return Session::Outcome{.result = judged_test(test.name, std::move(*failure))};
    auto& machine = std::get<Machines::Opened>(opened);
    record_.know_accel(machine.session->decision());
    accel_known_ = true;
    begin();
    if (interrupted()) return fail_interrupted();
    KOBOX_TRY(auto outcome, machine.session->run(test, [&] { working.release(); }));
    if (outcome.init_error && outcome.result.failure) {
      machine.session.reset();
      KOBOX_CHECK(machines_->explain(*outcome.init_error, directory, *outcome.result.failure));
    }
    auto& note = outcome.result.note;
    if (!machine.note.empty()) note = note.empty() ? machine.note : machine.note + "; " + note;
    return outcome;
  }

  void keep_directory() {
    const std::lock_guard lock(directory_mutex_);
    directory_->keep();
  }

  static Machines::Use use_for(const TestSpec& test) {
    if (!test.breakpoints.empty()) return Machines::Use::debugging;
    return has_own_modules(test) ? Machines::Use::own_modules : Machines::Use::tests;
  }

  std::string skip_reason(const TestSpec& test) const {
    if (test.guest && *test.guest != options_.project.guest)
      return fmt::format("is for the {} guest", to_string(*test.guest));
    if (test.kernels.empty()) return "";
    const auto fits = release_satisfies(release_, test.kernels);
    if (fits && *fits) return "";
    return fmt::format("is for kernels {}", test.kernels);
  }

  void took(Stopwatch& watch, const char* what) {
    progress_.detail(fmt::format("{}: {} in {}", release_, what, format_duration(watch.lap())));
  }

  SharedRun& shared_;
  const TestOptions& options_;
  std::vector<TestSpec> tests_;
  const std::string selector_;
  Progress& progress_;
  RunRecord record_;
  std::string release_;
  std::optional<Kernel> kernel_;
  std::optional<Prepared> prepared_;
  std::optional<RunDirectory> directory_;
  std::mutex directory_mutex_;
  std::optional<Machines> machines_;
  std::ptrdiff_t wanted_ = 0;  // tests that are not skipped
  std::atomic<bool> accel_known_ = true;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace

KernelDone run_on_kernel(SharedRun& shared, std::size_t index) {
  return KernelRun(shared, index).go();
}

}  // namespace kobox
