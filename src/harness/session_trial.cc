// SPDX-License-Identifier: GPL-2.0-or-later
// A test's way through its machine, and what is made of it.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <ranges>

#include "base/text.h"
#include "guest/guest_files.h"
#include "harness/breakpoint_watch.h"
#include "harness/judge.h"
#include "harness/log_part.h"
#include "harness/session.h"
#include "harness/test_modules.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// How long the module stays loaded after the command has ended: an error that a timer or a
// workqueue makes just then is still this test's.
constexpr Duration k_settle = 120ms;
// The same after the unload, for what the module left running.
constexpr Duration k_settle_unloaded = 30ms;
constexpr Duration k_unload_limit = 10s;
// A process of the test that was just killed may hold the module for a moment more.
constexpr Duration k_release_limit = 1s;
// After a report of the kernel's a command has so long to end: an oops mostly kills it at once, a
// lockup never lets it go.
constexpr Duration k_after_report = 2s;
// More than a test's own limit, for the time that the machine is stopped at breakpoints.
constexpr Duration k_debugger_limit = 30s;
// More than a busy host explains.
constexpr Duration k_stopped_host = 2s;
constexpr std::size_t k_max_failure_log = 200;         // lines
constexpr const char* k_guest_files = "/kobox/files";  // TestSpec::files

bool is_interrupt(const Error& error) {
  return error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::internal;
}

// A machine whose host was stopped finds its clock far ahead, and its kernel reports lockups that
// did not happen; nor does a time limit say anything then. Whether the module is at fault is not
// known.
void excuse_stopped_host(Failure& failure, Duration stopped) {
  if (stopped < k_stopped_host) return;
  if (failure.kind != FailureKind::lockup && failure.kind != FailureKind::hang) return;
  failure.message =
      fmt::format("kobox or its host was stopped for {} during the test, so this says nothing: {}",
                  format_duration(stopped), failure.message);
  failure.kind = FailureKind::environment;
}

std::string first_of(const std::vector<std::string>& entries) {
  constexpr std::size_t k_named = 5;
  std::vector<std::string> named;
  for (const auto& entry : entries | std::views::take(k_named)) named.push_back(printable(entry));
  auto text = join(named, ", ");
  if (entries.size() > k_named) text += fmt::format(" and {} more", entries.size() - k_named);
  return text;
}

Failure leak(const std::vector<std::string>& left) {
  return {.kind = FailureKind::leak,
          .message = "after the unload this was left: " + first_of(left),
          .log = left};
}

// Why the module cannot be unloaded.
std::string describe_users(const std::string& module, const AgentClient::ModuleUsers& found) {
  auto message = fmt::format(
      "a reference to {} is still held after the test, which forbids its unloading", module);
  if (!found.users.empty()) return message + ": " + first_of(found.users);
  if (found.references < 0) return message;
  return message + fmt::format(
                       "; its reference count is {} and nobody is seen to hold it: is a "
                       "module_put() missing?",
                       found.references);
}

}  // namespace

struct Session::Trial {
  Duration limit;
  const TestSpec* test = nullptr;  // none where a machine is only brought to where tests begin
  Stage stage = Stage::preparing;
  std::size_t log_mark = 0;
  std::optional<AgentClient::RunReply> reply;
  std::vector<Failure> findings;
  std::optional<Error> error;  // the conversation with the guest broke down
  // The console as it comes, read for reports.
  ReportReader console;
  std::size_t console_read = 0;
  std::optional<Deadline> report_deadline;  // set when a report was seen
  bool report_is_whole = false;             // it was waited for in the kernel's log
  std::unique_ptr<BreakpointWatch> debugger;
  std::string note;
  std::string skip_reason;  // why there is no more to be seen here
  std::optional<InitError> init_error;
  Duration stopped_before = Duration::zero();  // EventLoop::stopped_for when it began

  bool debugger_broke() const { return debugger && debugger->broken(); }
};

Result<Session::Outcome> Session::run(const TestSpec& test,
                                      const std::function<void()>& on_settling) {
  const auto started = std::chrono::steady_clock::now();
  Trial trial{.limit = limit_of(test, project_, options_.timeout),
              .test = &test,
              .stopped_before = guest_->loop().stopped_for()};
  guest_->give_up_when([&] { return report_was_seen(trial) || trial.debugger_broke(); });
  auto attempted = attempt(test, trial, on_settling);
  if (attempted) attempted = await_whole_report(trial);
  attempted = end_debugger(attempted, trial);
  guest_->give_up_when({});
  KOBOX_CHECK(take_error(attempted, trial));
  if (trial.reply) {
    const auto log = log_part(guest_->agent().kernel_log(), trial.log_mark);
    if (auto failure = judge(test, *trial.reply, log, trial.limit))
      trial.findings.push_back(*failure);
  }
  auto outcome = conclude(trial);
  outcome.result.name = test.name;
  outcome.result.note = trial.note + log_gap(trial);
  if (const auto missing = missing_modules();
      outcome.result.failure && outcome.stage == Stage::testing && !missing.empty())
    outcome.result.note += (outcome.result.note.empty() ? "" : "; ") + missing;
  outcome.result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return outcome;
}

Result<std::variant<LoadedSnapshot, Session::Outcome>> Session::save_loaded() {
  Trial trial{.limit = options_.timeout.value_or(project_.test_limit),
              .stopped_before = guest_->loop().stopped_for()};
  guest_->give_up_when([&] { return report_was_seen(trial); });
  const auto attempted = reach_loaded(trial);
  guest_->give_up_when({});
  KOBOX_CHECK(take_error(attempted, trial));
  if (trial.stage != Stage::testing) return conclude(trial);
  KOBOX_CHECK(store_programs());
  loaded_->on_request = server_->loaded();
  KOBOX_TRY(auto snapshot, save_guest(guest_->loop(), *guest_));
  return LoadedSnapshot{.snapshot = std::move(snapshot), .loaded = std::move(*loaded_)};
}

// The conversation with the guest broke down, maybe.
Result<> Session::take_error(const Result<>& attempted, Trial& trial) {
  if (attempted) return {};
  if (is_interrupt(attempted.error())) return std::unexpected(attempted.error());
  trial.error = attempted.error();
  return await_last_output(trial);
}

Session::Outcome Session::conclude(Trial& trial) {
  if (auto failure = kernel_failure(trial, trial.error.has_value()))
    trial.findings.push_back(*failure);
  if (trial.error) trial.findings.push_back(machine_failure(*trial.error, trial.stage));
  Outcome outcome{.result = {}, .stage = trial.stage};
  if (trial.findings.empty()) {
    if (!trial.skip_reason.empty()) outcome.result = skipped_test("", trial.skip_reason);
    return outcome;
  }
  auto worst = std::ranges::max_element(
      trial.findings, [](const auto& a, const auto& b) { return more_telling(b.kind, a.kind); });
  if (worst->log.empty()) worst->log = log_part(guest_->agent().kernel_log(), trial.log_mark).lines;
  if (worst->log.size() > k_max_failure_log)
    worst->log.erase(worst->log.begin(),
                     worst->log.end() - static_cast<std::ptrdiff_t>(k_max_failure_log));
  worst->console = guest_->console_log().string();
  excuse_stopped_host(*worst, guest_->loop().stopped_for() - trial.stopped_before);
  if (worst->kind == FailureKind::load) outcome.init_error = std::move(trial.init_error);
  outcome.result = judged_test("", std::move(*worst));
  return outcome;
}

Result<> Session::attempt(const TestSpec& test, Trial& trial,
                          const std::function<void()>& on_settling) {
  KOBOX_CHECK(reach_loaded(trial));
  if (trial.stage != Stage::testing || !trial.findings.empty()) return {};
  if (!trial.skip_reason.empty())
    KOBOX_CHECK(guest_->watch_for(k_settle));
  else if (!test.run.empty())
    KOBOX_CHECK(run_command(test, trial, on_settling));
  // What holds the command may hold the module too.
  if (trial.reply && trial.reply->timed_out) return {};
  KOBOX_CHECK(await_whole_report(trial));
  if (most_telling_in_log(trial.log_mark)) return {};  // a broken kernel is not asked for more
  if (guest_->machine().end()) return fail(ErrorKind::tool, "{}", guest_->machine().end()->message);
  return unload_and_compare(trial);
}

Result<> Session::run_command(const TestSpec& test, Trial& trial,
                              const std::function<void()>& on_settling) {
  KOBOX_CHECK(install_programs(test.programs));
  KOBOX_CHECK(bring_in(test));
  KOBOX_TRY(trial.reply, guest_->agent().run({.command = test.run, .timeout = trial.limit}));
  on_settling();
  KOBOX_CHECK(guest_->watch_for(k_settle));
  if (test.collect.empty()) return {};
  return bring_out(test, trial);
}

Result<> Session::bring_in(const TestSpec& test) {
  if (test.files.empty()) return {};
  KOBOX_TRY(const auto files, files_below(project_.directory, test.files));
  return copy_in(guest_->agent(), files, k_guest_files, "root");
}

// What the test wants to have kept. That it cannot be had is the test's failure.
Result<> Session::bring_out(const TestSpec& test, Trial& trial) {
  const auto directory = options_.collected / directory_name(test.name);
  auto brought = copy_out(guest_->agent(), test.collect, directory);
  if (!brought) {
    if (brought.error().kind() != ErrorKind::protocol) return std::unexpected(brought.error());
    trial.findings.push_back({.kind = FailureKind::lost, .message = brought.error().message()});
    return {};
  }
  if (const auto* obstacle = std::get_if<std::string>(&*brought)) {
    trial.findings.push_back({.kind = FailureKind::assertion, .message = *obstacle});
    return {};
  }
  const auto& unpacked = std::get<Unpacked>(*brought);
  trial.note =
      fmt::format("collected {} file{} ({}) in {}", unpacked.files, unpacked.files == 1 ? "" : "s",
                  format_bytes(unpacked.bytes), directory.string());
  if (!unpacked.left_out.empty())
    trial.note += fmt::format("; left out, as neither files nor directories: {}",
                              join(unpacked.left_out, ", "));
  return {};
}

// Loads the modules, where the machine was not saved with them: up to
// Stage::testing, unless there are findings or reports of the kernel's.
Result<> Session::reach_loaded(Trial& trial) {
  auto& agent = guest_->agent();
  trial.log_mark = loaded_ ? loaded_->log_mark : agent.kernel_log().end();
  trial.console_read = loaded_ ? loaded_->console_mark : guest_->console().size();
  if (!loaded_) {
    KOBOX_CHECK(install_files(trial.test));
    LoadedModules loaded;
    KOBOX_CHECK(agent.mark_inventory());
    loaded.log_mark = trial.log_mark = agent.kernel_log().end();
    loaded.console_mark = guest_->console().size();
    loaded_ = std::move(loaded);
    if (!attach_debugger(trial)) return {};
    // What one test alone loads is its own matter.
    const bool for_all = trial.test == nullptr || !has_own_modules(*trial.test);
    trial.stage = for_all ? Stage::loading : Stage::testing;
    if (project_.load) KOBOX_CHECK(load_for_test(trial));
    if (!trial.findings.empty()) return {};
    // A report that the load made is told once, not by every test.
    if (kernel_failure(trial, /*machine_is_gone=*/false)) return {};
  }
  trial.stage = Stage::testing;
  return {};
}

// False if the test wants a debugger that cannot be had.
bool Session::attach_debugger(Trial& trial) {
  if (trial.test == nullptr || trial.test->breakpoints.empty()) return true;
  if (std::ranges::any_of(trial.test->breakpoints,
                          [](const auto& one) { return !one.step.empty(); }))
    if (!guest_->agent().configure({.one_cpu = true})) return true;  // the next request tells why
  auto watch = BreakpointWatch::start(*guest_, prepared_, options_.cache, *trial.test,
                                      trial.limit + k_debugger_limit);
  if (watch) {
    trial.debugger = std::move(*watch);
    return true;
  }
  trial.stage = Stage::testing;
  trial.findings.push_back(
      {.kind = FailureKind::environment,
       .message = "the breakpoints cannot be set: " + watch.error().message()});
  return false;
}

// For the result's note, where not all of the test's part of the kernel's log was seen.
std::string Session::log_gap(const Trial& trial) const {
  const auto lost = log_part(guest_->agent().kernel_log(), trial.log_mark).lost;
  if (lost == 0) return "";
  return fmt::format(
      "{}{} before they were read; for what the kernel reported meanwhile there is "
      "only the console",
      trial.note.empty() ? "" : "; ", describe_lost(lost));
}

// What the breakpoints saw. A debugger that broke is the one thing to tell of: the machine may have
// been stopped for ever.
Result<> Session::end_debugger(const Result<>& attempted, Trial& trial) {
  if (!trial.debugger) return attempted;
  const bool broke = trial.debugger_broke() && !guest_->machine().end();
  if (auto failure = trial.debugger->finish()) trial.findings.push_back(std::move(*failure));
  guest_->let_debugger_stop(false);
  if (!broke || (!attempted && is_interrupt(attempted.error()))) return attempted;
  trial.stage = Stage::testing;
  trial.reply.reset();
  return {};
}

Result<> Session::load_for_test(Trial& trial) {
  KOBOX_TRY(auto loaded, load_modules(modules_for(prepared_, trial.test)));
  switch (loaded.kind) {
    case LoadOutcome::Kind::loaded:
    case LoadOutcome::Kind::refused:
      return {};
    case LoadOutcome::Kind::no_device:
      trial.skip_reason = "loads, but finds no device: " + loaded.failure.message;
      return {};
    case LoadOutcome::Kind::failed:
      break;
  }
  trial.findings.push_back(std::move(loaded.failure));
  trial.init_error = std::move(loaded.init_error);
  return guest_->watch_for(k_settle_unloaded);
}

// Asks again while a reference to the module is held, for a moment.
Result<bool> Session::still_busy(const std::string& module, AgentClient::KernelAnswer& answer) {
  const auto deadline = Deadline::after(k_release_limit);
  while (answer.error_number == EAGAIN && !deadline.passed()) {
    KOBOX_CHECK(guest_->watch_for(20ms));
    KOBOX_TRY(answer, guest_->agent().unload(module, k_unload_limit));
  }
  return answer.error_number == EAGAIN;
}

// The leak is known; a guest that does not say who holds the module changes nothing about it.
Result<> Session::add_users(const std::string& module, Failure& leak) {
  const auto users = guest_->agent().users(module);
  if (users)
    leak.message = describe_users(module, *users);
  else if (users.error().kind() != ErrorKind::timeout)
    return std::unexpected(users.error());
  return {};
}

// The kernel's own, which may use those under test. What is in use by others stays.
Result<> Session::unload_what_was_asked_for() {
  for (const auto& name : server_->loaded().others | std::views::reverse)
    KOBOX_CHECK(guest_->agent().unload(name, k_unload_limit));
  return {};
}

// Whether the module is gone; if not, the finding says why.
Result<bool> Session::unload(const std::string& module, Trial& trial) {
  KOBOX_TRY(auto answer, guest_->agent().unload(module, k_unload_limit));
  if (answer.error_number == EAGAIN) {
    KOBOX_CHECK(unload_what_was_asked_for());
    KOBOX_TRY(answer, guest_->agent().unload(module, k_unload_limit));
  }
  KOBOX_TRY(const bool busy, still_busy(module, answer));
  if (!busy && (answer.done() || answer.error_number == ENOENT)) return true;
  auto& finding = trial.findings.emplace_back(Failure{.kind = FailureKind::unload});
  if (busy) {
    finding = {.kind = FailureKind::leak, .message = describe_users(module, {})};
    KOBOX_CHECK(add_users(module, finding));
  } else if (answer.killed || answer.timed_out) {
    finding.message = answer.killed ? fmt::format("the kernel faulted while it unloaded {}", module)
                                    : fmt::format("the exit of {} did not return within {}", module,
                                                  format_duration(k_unload_limit));
    KOBOX_CHECK(guest_->watch_for(k_settle_unloaded));
  } else {
    finding.message = fmt::format("the kernel refuses to remove {}: {}{}", module, answer.error,
                                  answer.error_number == EBUSY ? "; has it no exit function?" : "");
  }
  return false;
}

// What was loaded because a module asked for it goes after the one that asked.
std::vector<std::string> Session::unload_order(const Trial& trial) const {
  std::vector<std::string> order;
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(order, name) == order.end()) order.push_back(name);
  };
  for (const auto& one : modules_for(prepared_, trial.test) | std::views::reverse) add(one.name);
  // A disk guest's modprobe may have been told otherwise than by way of us.
  const auto all = all_modules(prepared_.modules, prepared_.test_needs);
  for (const auto& one : all | std::views::reverse)
    if (prepared_.disk || server_->loaded().ours.contains(one.name)) add(one.name);
  return order;
}

Result<> Session::unload_and_compare(Trial& trial) {
  for (const auto& module : unload_order(trial)) {
    KOBOX_TRY(const bool gone, unload(module, trial));
    if (!gone) return {};
  }
  KOBOX_CHECK(guest_->watch_for(k_settle_unloaded));
  KOBOX_CHECK(settle_udev());
  KOBOX_TRY(const auto left, guest_->agent().new_in_inventory());
  if (!left.empty()) trial.findings.push_back(leak(left));
  return {};
}

bool Session::report_was_seen(Trial& trial) {
  trial.console.feed(guest_->console().since(trial.console_read));
  trial.console_read = guest_->console().size();
  if (!trial.report_deadline && !trial.console.reports().empty())
    trial.report_deadline = Deadline::after(k_after_report);
  return trial.report_deadline && !trial.report_is_whole && trial.report_deadline->passed();
}

// The console is ahead of the kernel's log, which the agent passes on once it gets a processor
// again: a report that began there is waited for here. What never comes was written into /dev/kmsg
// by user space, or the agent is beyond answering, which the next request finds out.
Result<> Session::await_whole_report(Trial& trial) {
  report_was_seen(trial);
  if (!trial.report_deadline || trial.report_is_whole) return {};
  trial.report_is_whole = true;
  const auto waited = guest_->wait_until(
      [&] {
        const auto report = most_telling_in_log(trial.log_mark);
        return report && report->complete;
      },
      Deadline::after(k_after_report));
  if (waited || waited.error().kind() == ErrorKind::timeout) return {};
  return waited;
}

Result<> Session::await_last_output(const Trial& trial) {
  // A machine that does not answer may still report a stall; its watchdogs had their time while
  // the agent was waited for.
  if (trial.error->kind() == ErrorKind::timeout && !trial.report_deadline)
    return guest_->watch_for(1s);
  return {};
}

std::optional<KernelReport> Session::most_telling_in_log(std::size_t from) const {
  ReportReader reader;
  for (const auto& line : log_part(guest_->agent().kernel_log(), from).lines)
    reader.feed_line(line);
  const bool complete = reader.most_telling() != nullptr && reader.most_telling()->complete;
  reader.finish();
  if (reader.most_telling() == nullptr) return std::nullopt;
  auto report = *reader.most_telling();
  report.complete = complete;
  return report;
}

std::optional<Failure> Session::kernel_failure(Trial& trial, bool machine_is_gone) {
  const auto in_log = most_telling_in_log(trial.log_mark);
  const KernelReport* report = in_log ? &*in_log : nullptr;
  const KernelReport* seen = nullptr;
  const bool gap = log_part(guest_->agent().kernel_log(), trial.log_mark).lost > 0;
  ReportReader console;
  if (machine_is_gone || gap) {
    // What the agent could not pass on of the log the console has.
    report_was_seen(trial);
    console = trial.console;
    console.finish();
    seen = console.most_telling();
  }
  if (seen != nullptr && (report == nullptr || !more_telling(report->kind, seen->kind)))
    report = seen;
  if (report == nullptr) return std::nullopt;
  return Blame(modules_for(prepared_, trial.test)).from_report(*report);
}

Failure Session::machine_failure(const Error& error, Stage stage) {
  if (host_at_fault(*guest_, error))
    return {.kind = FailureKind::environment, .message = error.message()};
  if (const auto& end = guest_->machine().end()) {
    const bool reset = end->cause == MachineEnd::Cause::reset;
    return {.kind = reset ? FailureKind::panic : FailureKind::lost, .message = end->message};
  }
  if (stage <= Stage::preparing)  // no test was running
    return {.kind = FailureKind::lost,
            .message = "while the guest was prepared: " + error.message()};
  if (error.kind() == ErrorKind::timeout)
    return {.kind = FailureKind::hang,
            .message = "the machine stopped answering and its kernel said nothing"};
  return {.kind = FailureKind::lost, .message = error.to_string()};
}

}  // namespace kobox
