// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/session.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>

#include "base/files.h"
#include "base/text.h"
#include "lab/judge.h"
#include "verdict/kernel_log.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// How long the module stays loaded after the command has ended: trouble that a timer or a
// workqueue makes just then is still this test's.
constexpr Duration k_settle = 120ms;
// The same after the unload, for what the module left running.
constexpr Duration k_settle_unloaded = 30ms;
constexpr Duration k_load_limit = 20s;
constexpr Duration k_unload_limit = 10s;
// A process of the test that was just killed may hold the module for a moment more.
constexpr Duration k_release_limit = 1s;
// After a report of the kernel's a command has so long to end: an oops mostly kills it at once, a
// lockup never lets it go.
constexpr Duration k_after_report = 2s;
constexpr std::size_t k_max_failure_log = 200;  // lines

std::int64_t epoch_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_interrupt(const Error& error) {
  return error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::internal;
}

// What the kernel itself logged from a record on; what user space wrote into /dev/kmsg is left out.
std::vector<std::string> kernel_lines(const AgentClient::KernelLog& log, std::size_t from) {
  std::vector<std::string> lines;
  for (auto i = from; i < log.end(); ++i) {
    if (i < log.dropped) continue;
    auto line = parse_kmsg_record(log.records[i - log.dropped]);
    if (line && line->facility == 0) lines.push_back(std::move(line->text));
  }
  return lines;
}

Failure leak(const std::vector<std::string>& left) {
  constexpr std::size_t k_named = 5;
  std::vector<std::string> named(
      left.begin(), left.begin() + static_cast<std::ptrdiff_t>(std::min(k_named, left.size())));
  for (auto& entry : named) entry = printable(entry);
  auto message = fmt::format("after the unload this was left: {}", join(named, ", "));
  if (left.size() > k_named) message += fmt::format(" and {} more", left.size() - k_named);
  return {.kind = FailureKind::leak, .message = message, .log = left};
}

}  // namespace

std::string guest_module_path(const BuiltModule& module) {
  return fmt::format("{}/{}.ko", wire::k_module_folder, module.name);
}

struct Session::Trial {
  Duration limit;
  std::size_t log_mark = 0;
  std::size_t console_mark = 0;
  bool loading = false;
  std::optional<AgentClient::RunReply> reply;
  std::optional<AgentClient::KernelAnswer> refusal;  // of the load
  std::vector<Failure> findings;
  std::optional<Error> trouble;  // the conversation with the guest broke down
  // The console as it comes, read for reports.
  ReportReader console;
  std::size_t console_read = 0;
  std::optional<Deadline> patience;  // set when a report was seen
};

Result<std::variant<Session::Opened, Failure>> Session::open(EventLoop& loop,
                                                             const Project& project,
                                                             const Prepared& prepared,
                                                             const SessionOptions& options) {
  const GuestSpec spec{.kernel = prepared.kernel,
                       .initramfs = prepared.initramfs,
                       .memory = project.memory,
                       .cpus = project.cpus,
                       .boot_limit = project.boot_limit,
                       .folder = options.folder};
  KOBOX_TRY(auto booted, boot_guest(loop, spec, options.accel, options.cache));
  if (const auto* failed = std::get_if<BootFailure>(&booted)) {
    Failure failure{.kind = failed->host_at_fault ? FailureKind::environment : FailureKind::boot,
                    .message = failed->message,
                    .console = failed->console_log.string()};
    const auto lines = lines_of(failed->console);
    const auto first = lines.size() - std::min<std::size_t>(lines.size(), 20);
    for (auto i = first; i < lines.size(); ++i) failure.log.emplace_back(printable(trim(lines[i])));
    return failure;
  }
  std::unique_ptr<Session> session(new Session(project, prepared, options));
  auto& guest = std::get<BootedGuest>(booted);
  session->guest_ = std::move(guest.guest);
  session->decision_ = std::move(guest.decision);
  const auto installed = session->install_files();
  if (installed) return Opened{std::move(session)};
  if (is_interrupt(installed.error())) return std::unexpected(installed.error());
  auto failure = session->machine_failure(installed.error());
  if (failure.kind == FailureKind::hang) failure.kind = FailureKind::lost;  // no test was running
  failure.message = "while the guest was prepared: " + installed.error().message();
  failure.console = session->guest_->console_log().string();
  return failure;
}

Result<> Session::install_files() {
  auto& agent = guest_->agent();
  for (const auto& driver : prepared_.module_drivers) {
    KOBOX_TRY(const auto bytes, read_module(driver.path));
    const auto path = fmt::format("/kobox/driver/{}.ko", driver.name);
    KOBOX_CHECK(agent.put(path, bytes, 0644));
    KOBOX_TRY(const auto answer, agent.load(path, "", k_load_limit));
    if (!answer.done() && answer.error_number != EEXIST)
      return fail(ErrorKind::tool, "cannot load {}, which the module depends on: {}", driver.name,
                  answer.error);
  }
  if (!prepared_.module) return {};
  KOBOX_TRY(const auto module, read_file(prepared_.guest_module));
  KOBOX_CHECK(agent.put(guest_module_path(*prepared_.module), module, 0644));
  return {};
}

Result<> Session::install_programs(const std::vector<std::string>& sources) {
  for (const auto& source : sources) {
    const auto name = fs::path(source).stem().string();
    const auto program = std::ranges::find(prepared_.programs, name, &BuiltProgram::name);
    if (program == prepared_.programs.end() || !installed_.insert(name).second) continue;
    KOBOX_TRY(const auto bytes, read_file(program->path));
    KOBOX_CHECK(
        guest_->agent().put(fmt::format("{}/{}", wire::k_program_folder, name), bytes, 0755));
  }
  return {};
}

Result<AgentClient::KernelAnswer> Session::load() {
  return guest_->agent().load(guest_module_path(*prepared_.module), project_.module_params,
                              k_load_limit);
}

Result<> Session::set_clock() {
  return guest_->agent().configure({.epoch_us = epoch_microseconds()});
}

Result<> Session::set_watchdogs(Duration limit) {
  if (watchdogs_for_ == limit) return {};
  // A soft lockup is reported after twice the threshold, a hung task within twice its time: both
  // before the test's own limit, so that a lockup is not mistaken for a hang.
  const auto third = std::clamp<std::int64_t>(limit.count() / 3000, 1, 10);
  KOBOX_CHECK(
      guest_->agent().configure({.watchdog_s = static_cast<int>(third),
                                 .hung_task_s = static_cast<int>(std::max<std::int64_t>(third, 2)),
                                 .epoch_us = epoch_microseconds()}));
  watchdogs_for_ = limit;
  return {};
}

Result<Session::Outcome> Session::run(const TestSpec& test) {
  const auto started = std::chrono::steady_clock::now();
  Trial trial{.limit = options_.timeout.value_or(test.timeout.value_or(project_.test_limit)),
              .log_mark = guest_->agent().kernel_log().end(),
              .console_mark = guest_->console().size()};
  trial.console_read = trial.console_mark;
  guest_->give_up_when([&] { return report_was_seen(trial); });
  auto attempted = attempt(test, trial);
  guest_->give_up_when({});
  if (!attempted) {
    if (is_interrupt(attempted.error())) return std::unexpected(attempted.error());
    trial.trouble = attempted.error();
    KOBOX_CHECK(await_last_words(trial));
  }

  const auto lines = kernel_lines(guest_->agent().kernel_log(), trial.log_mark);
  if (auto failure = kernel_failure(trial, trial.trouble.has_value()))
    trial.findings.push_back(*failure);
  if (trial.trouble) trial.findings.push_back(machine_failure(*trial.trouble));
  if (trial.reply)
    if (auto failure = judge(test, *trial.reply, lines, trial.limit))
      trial.findings.push_back(*failure);

  Outcome outcome;
  outcome.result.name = test.name;
  outcome.result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (trial.findings.empty()) return outcome;
  auto worst = std::ranges::max_element(
      trial.findings, [](const auto& a, const auto& b) { return more_telling(b.kind, a.kind); });
  outcome.state = MachineState::spoiled;
  outcome.before_test = trial.loading;
  outcome.result.verdict = verdict_of(worst->kind);
  if (worst->kind == FailureKind::lost && guest_->machine().end() &&
      guest_->machine().end()->cause == MachineEnd::Cause::killed)
    outcome.result.verdict = Verdict::error;
  if (worst->log.empty()) worst->log = lines;
  if (worst->log.size() > k_max_failure_log)
    worst->log.erase(worst->log.begin(),
                     worst->log.end() - static_cast<std::ptrdiff_t>(k_max_failure_log));
  worst->console = guest_->console_log().string();
  outcome.result.failure = std::move(*worst);
  return outcome;
}

// " (built for X, this kernel is Y)" where that is why; with CONFIG_MODVERSIONS the kernel itself
// only speaks of symbol versions.
std::string Session::vermagic_trouble() const {
  const auto info = read_modinfo(prepared_.module->ko);
  if (!info) return "";
  const auto built_for = info->vermagic.substr(0, info->vermagic.find(' '));
  if (built_for == prepared_.kernel.release) return "";
  return fmt::format("; the module was built for {}, this kernel is {}", built_for,
                     prepared_.kernel.release);
}

Result<> Session::attempt(const TestSpec& test, Trial& trial) {
  auto& agent = guest_->agent();
  KOBOX_CHECK(set_watchdogs(trial.limit));
  if (!inventory_) {
    KOBOX_TRY(inventory_, agent.inventory());
  }
  trial.log_mark = agent.kernel_log().end();
  if (project_.load) {
    trial.loading = true;
    KOBOX_TRY(const auto answer, load());
    if (!answer.done()) {
      const auto said = kernel_lines(agent.kernel_log(), trial.log_mark);
      const auto reason = std::ranges::find_if(said, [&](const std::string& line) {
        return line.starts_with(prepared_.module->name + ":");
      });
      auto message = answer.killed ? std::string("the kernel faulted while it loaded the module")
                     : answer.timed_out ? "its init did not return within 20 s"
                                        : fmt::format(
                                              "the kernel refused the module or its init "
                                              "returned an error: {}",
                                              answer.error);
      message += vermagic_trouble();
      if (reason != said.end()) message += fmt::format(" ({})", printable(*reason));
      trial.findings.push_back(
          {.kind = answer.timed_out ? FailureKind::hang : FailureKind::load, .message = message});
      return guest_->watch_for(k_settle_unloaded);
    }
    trial.loading = false;
  }
  if (!test.run.empty()) {
    KOBOX_CHECK(install_programs(test.programs));
    KOBOX_TRY(trial.reply, agent.run({.command = test.run, .timeout = trial.limit}));
    KOBOX_CHECK(guest_->watch_for(k_settle));
    if (trial.reply->timed_out) return {};  // what holds the command may hold the module too
  }
  report_was_seen(trial);
  if (trial.patience) return {};  // a broken kernel is not asked for more
  if (guest_->machine().end()) return fail(ErrorKind::tool, "{}", guest_->machine().end()->message);
  return unload_and_compare(trial);
}

// Asks again while a reference to the module is held, for a moment.
Result<bool> Session::still_busy(AgentClient::KernelAnswer& answer) {
  const auto deadline = Deadline::after(k_release_limit);
  while (answer.error_number == EAGAIN && !deadline.passed()) {
    KOBOX_CHECK(guest_->watch_for(20ms));
    KOBOX_TRY(answer, guest_->agent().unload(prepared_.module->name, k_unload_limit));
  }
  return answer.error_number == EAGAIN;
}

Result<> Session::unload_and_compare(Trial& trial) {
  auto& agent = guest_->agent();
  KOBOX_TRY(auto answer, agent.unload(prepared_.module->name, k_unload_limit));
  KOBOX_TRY(const bool busy, still_busy(answer));
  if (busy) {
    trial.findings.push_back(
        {.kind = FailureKind::leak,
         .message = "a reference to the module is still held after the test, which forbids its "
                    "unloading"});
    return {};
  }
  if (answer.killed || answer.timed_out) {
    trial.findings.push_back({.kind = FailureKind::unload,
                              .message = answer.killed
                                             ? "the kernel faulted while it unloaded the module"
                                             : "the module's exit did not return within 10 s"});
    return guest_->watch_for(k_settle_unloaded);
  }
  if (answer.error_number != 0 && answer.error_number != ENOENT) {
    trial.findings.push_back(
        {.kind = FailureKind::unload,
         .message = fmt::format("the kernel refuses to remove the module: {}{}", answer.error,
                                answer.error_number == EBUSY ? "; has it no exit function?" : "")});
    return {};
  }
  KOBOX_CHECK(guest_->watch_for(k_settle_unloaded));
  KOBOX_TRY(auto now, agent.inventory());
  std::vector<std::string> left;
  std::ranges::set_difference(now, *inventory_, std::back_inserter(left));
  if (!left.empty()) trial.findings.push_back(leak(left));
  inventory_ = std::move(now);
  return {};
}

bool Session::report_was_seen(Trial& trial) {
  trial.console.feed(std::string_view(guest_->console()).substr(trial.console_read));
  trial.console_read = guest_->console().size();
  if (!trial.patience && !trial.console.reports().empty())
    trial.patience = Deadline::after(k_after_report);
  return trial.patience && trial.patience->passed();
}

Result<> Session::await_last_words(const Trial& trial) {
  // A machine that does not answer may still report a stall; its watchdogs had their time while
  // the agent was waited for.
  if (trial.trouble->kind() == ErrorKind::timeout && !trial.patience) return guest_->watch_for(1s);
  return {};
}

std::optional<Failure> Session::kernel_failure(Trial& trial, bool machine_is_gone) {
  ReportReader from_log;
  for (const auto& line : kernel_lines(guest_->agent().kernel_log(), trial.log_mark))
    from_log.feed_line(line);
  from_log.finish();
  const auto* report = from_log.most_telling();
  const KernelReport* seen = nullptr;
  if (machine_is_gone) {
    // The agent could not pass on the last of the log; the console has it.
    report_was_seen(trial);
    trial.console.finish();
    seen = trial.console.most_telling();
  }
  if (seen != nullptr && (report == nullptr || !more_telling(report->kind, seen->kind)))
    report = seen;
  if (report == nullptr) return std::nullopt;
  return blame_->from_report(*report);
}

Failure Session::machine_failure(const Error& error) {
  const auto& end = guest_->machine().end();
  if (!end) {
    if (error.kind() == ErrorKind::timeout)
      return {.kind = FailureKind::hang,
              .message = "the machine stopped answering and its kernel said nothing"};
    return {.kind = FailureKind::lost, .message = error.to_string()};
  }
  switch (end->cause) {
    case MachineEnd::Cause::powered_off:
      return {.kind = FailureKind::lost, .message = end->message};
    case MachineEnd::Cause::reset:
      return {.kind = FailureKind::panic, .message = end->message};
    case MachineEnd::Cause::killed:
      return {.kind = FailureKind::lost, .message = end->message};
    case MachineEnd::Cause::failed:
      break;
  }
  return {.kind = FailureKind::environment, .message = end->message};
}

}  // namespace kobox
