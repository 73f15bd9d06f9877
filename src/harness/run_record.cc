// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/run_record.h"

#include <algorithm>
#include <utility>

#include "arch/arch.h"
#include "base/text.h"

namespace kobox {
namespace {

constexpr const char* k_run_failed = "not run, because of the failure of the whole run";

// Characters that mean something in a regular expression.
std::string regex_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("^$\\.*+?()[]{}|/").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

RunRecord::RunRecord(SharedObserver& shared, std::size_t index, std::vector<TestSpec> tests,
                     std::string selector, std::string command)
    : shared_(shared),
      index_(index),
      selector_(std::move(selector)),
      command_(std::move(command)),
      tests_(std::move(tests)),
      finished_(tests_.size()) {
  result_.kernel = selector_;
  result_.selector = selector_;
  result_.arch = default_arch().name;
}

void RunRecord::know_kernel(const std::string& release) {
  const std::lock_guard lock(mutex_);
  result_.kernel = release;
}

void RunRecord::know_modules(const std::vector<BuiltModule>& modules) {
  const std::lock_guard lock(mutex_);
  for (const auto& module : modules) result_.modules.push_back(module.name);
}

void RunRecord::expect(const std::vector<TestSpec>& tests) {
  const std::lock_guard lock(mutex_);
  tests_ = tests;
  finished_.resize(tests_.size());
}

void RunRecord::know_accel(const AccelDecision& decision) {
  const std::lock_guard lock(mutex_);
  if (!result_.accel.empty()) return;
  result_.accel = to_string(decision.accel);
  result_.accel_reason = decision.reason;
  announce();
}

void RunRecord::suppose_accel(AccelChoice choice) {
  const std::lock_guard lock(mutex_);
  if (result_.accel.empty()) result_.accel = choice == AccelChoice::kvm ? "kvm" : "tcg";
}

void RunRecord::take(std::size_t test, TestResult result) {
  const std::lock_guard lock(mutex_);
  if (result.failure) result.failure->reproduce = reproduce(tests_[test].name);
  finished_[test] = std::move(result);
  while (passed_on_ < found_by_ && passed_on_ < finished_.size() && finished_[passed_on_])
    pass_on(passed_on_++);
}

void RunRecord::fail_run(Failure failure, std::size_t found_by) {
  const std::lock_guard lock(mutex_);
  if (found_by >= found_by_) return;
  failure.reproduce = reproduce("");
  result_.failure = std::move(failure);
  found_by_ = found_by;
}

bool RunRecord::failed() const {
  const std::lock_guard lock(mutex_);
  return result_.failure.has_value();
}

RunResult RunRecord::finish(bool interrupted) {
  const std::lock_guard lock(mutex_);
  announce();
  for (; passed_on_ < finished_.size(); ++passed_on_)
    if (finished_[passed_on_]) pass_on(passed_on_);
  if (interrupted) name_the_interrupt();
  settle_all(interrupted ? "not run to its end: kobox was interrupted" : k_run_failed);
  const std::lock_guard observing(shared_.mutex);
  shared_.observer.run_done(index_, result_);
  return std::move(result_);
}

RunResult RunRecord::withhold() {
  const std::lock_guard lock(mutex_);
  settle_all(k_run_failed);
  return std::move(result_);
}

void RunRecord::settle_all(const char* not_run) {
  // A module that does not build or load has no tests; what could not be judged has them still.
  const bool names_all = result_.failure && verdict_of(result_.failure->kind) == Verdict::error;
  for (std::size_t i = 0; i < tests_.size(); ++i) {
    if (finished_[i])
      result_.tests.push_back(std::move(*finished_[i]));
    else if (names_all)
      result_.tests.push_back(skipped_test(tests_[i].name, not_run));
  }
  settle(result_);
}

void RunRecord::name_the_interrupt() {
  const auto missing =
      std::ranges::count_if(finished_, [](const auto& one) { return !one.has_value(); });
  if (missing == 0 || result_.failure) return;
  result_.failure =
      Failure{.kind = FailureKind::environment,
              .message = fmt::format("interrupted: {} of {} tests were not run to their end",
                                     missing, finished_.size()),
              .reproduce = reproduce("")};
}

void RunRecord::pass_on(std::size_t test) {
  announce();
  const std::lock_guard observing(shared_.mutex);
  shared_.observer.test_done(index_, *finished_[test]);
}

void RunRecord::announce() {
  if (std::exchange(announced_, true)) return;
  const std::lock_guard observing(shared_.mutex);
  shared_.observer.run_started(index_, result_);
}

std::string RunRecord::reproduce(const std::string& test) const {
  auto command = fmt::format("{} --kernel {}", command_, shell_quote(selector_));
  if (!test.empty()) command += " --filter " + shell_quote("^" + regex_escape(test) + "$");
  return command;
}

}  // namespace kobox
