// SPDX-License-Identifier: GPL-2.0-or-later
#include "cluster/slurm_run.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "cluster/slurm.h"
#include "report/merge.h"
#include "report/read_report.h"
#include "report/render.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_key = "slurm";  // of the status line
// How often squeue is asked: seldom in a long run, since a controller has many users.
constexpr Duration k_least_pause = 1s;
constexpr Duration k_most_pause = 10s;
// A shared directory may show a file that another machine has made only some seconds later.
constexpr Duration k_file_delay = 5s;
// So long may the controller be away, as when it is started anew.
constexpr Duration k_controller_away = 5min;
// KillWait of slurm.conf is 30 s; kobox writes its report far sooner.
constexpr Duration k_after_cancel = 20s;
// squeue(1), "JOB REASON CODES", of a task whose turn comes; None is that of a new one.
constexpr std::array<std::string_view, 3> k_usual_reasons = {"None", "Priority", "Resources"};
constexpr std::size_t k_log_lines = 5;
constexpr std::uint64_t k_max_log = std::uint64_t{1} << 20;

// Returns early on an interrupt.
void pause_for(Duration duration) {
  pollfd wait = {.fd = interrupt_fd(), .events = POLLIN, .revents = 0};
  ::poll(&wait, 1, static_cast<int>(duration.count()));
}

// A pause that an interrupt, which there was already, does not end.
void pause_regardless(Duration duration) { ::poll(nullptr, 0, static_cast<int>(duration.count())); }

class Gathering {
 public:
  Gathering(const SlurmRun& run, fs::path directory, Progress& progress)
      : run_(run),
        count_(static_cast<int>(run.shards.size())),
        directory_(std::move(directory)),
        progress_(progress) {
    for (int i = 1; i <= count_; ++i) open_.insert(i);
  }

  Result<> submit() {
    KOBOX_CHECK(write_file(directory_ / "times.json", render_json(run_.times)));
    KOBOX_CHECK(write_file(directory_ / "job.sh", script()));
    KOBOX_TRY(auto job, SlurmJob::submit({.script = directory_ / "job.sh",
                                          .tasks = count_,
                                          .name = "kobox-" + run_.whole.module,
                                          .log = (directory_ / "shard-%a.log").string(),
                                          .more = run_.sbatch}));
    job_.emplace(std::move(job));
    progress_.note(fmt::format("job {}: {} shards of {} tests on {} kernels; `{}` ends it",
                               job_->number(), count_, run_.whole.tests.size(),
                               run_.whole.selectors.size(), job_->cancel_command()));
    return {};
  }

  // Until all shards have ended or kobox is interrupted.
  void wait() {
    auto away = Deadline::after(k_controller_away);
    auto pause = k_least_pause;
    while (!interrupted()) {
      const auto tasks = job_->tasks(away, OnInterrupt::give_up);
      if (tasks) {
        away = Deadline::after(k_controller_away);
        look_at(*tasks);
        if (open_.empty()) return all_known();
      } else if (away.passed() && !interrupted()) {
        cancel();
        give_up(tasks.error().to_string());
        return;
      }
      pause_for(pause);
      pause = std::min(pause + pause / 10, k_most_pause);
    }
    cancel_and_wait();
  }

  Result<Report> merged() {
    progress_.done(k_key);
    auto whole = merge_reports(parts_, lost_);
    if (whole) whole->interrupted = whole->interrupted || interrupted();
    return whole;
  }
  bool lost_some() const { return !lost_.empty(); }

 private:
  fs::path report_file(int shard) const { return directory_ / fmt::format("shard-{}.json", shard); }

  std::string script() const {
    std::string command;
    for (const auto& word : run_.command) command += shell_quote(word) + " ";
    const auto directory = shell_quote(directory_.string());
    if (!run_.times.runs.empty()) command += "--times " + directory + "/times.json ";
    return fmt::format(
        "#!/bin/sh\nexec {}--shard \"$SLURM_ARRAY_TASK_ID/{}\" --format json "
        "--output {}/shard-\"$SLURM_ARRAY_TASK_ID\".json\n",
        command, count_, directory);
  }

  void look_at(const std::vector<SlurmTask>& tasks) {
    std::map<int, SlurmTask> now;
    for (const auto& task : tasks) now[task.index] = task;
    int running = 0;
    int waiting = 0;
    std::string reason;
    for (auto at = open_.begin(); at != open_.end();) {
      const int shard = *at++;  // take() removes it
      const auto found = now.find(shard);
      if (found == now.end() || has_ended(found->second))
        take(shard, found == now.end() ? SlurmTask{} : found->second);
      else if (found->second.state != "PENDING")
        ++running;
      else {
        ++waiting;
        reason = found->second.reason;
        tell_of(reason);
      }
    }
    const auto ended = static_cast<std::size_t>(count_) - open_.size();
    auto stage = fmt::format("{} of {} shards have ended, {} run", ended, count_, running);
    if (waiting > 0) stage += fmt::format(", {} wait", waiting);
    if (!reason.empty()) stage += fmt::format(" ({})", reason);
    progress_.stage(k_key, stage);
  }

  // A task that waits for more than its turn may do so for good (PartitionTimeLimit, JobHeldUser).
  // Each reason is said once; what follows a comma in it are nodes, which come and go.
  void tell_of(const std::string& reason) {
    const auto kind = reason.substr(0, reason.find(','));
    if (kind.empty() || std::ranges::find(k_usual_reasons, kind) != k_usual_reasons.end() ||
        !told_.insert(kind).second)
      return;
    progress_.note(fmt::format("job {} waits: {}", job_->number(), reason));
  }

  // Of a shard without a report Slurm may be wrong: the job is cancelled then, to be sure.
  void all_known() {
    if (lost_.empty())
      job_->ended();
    else
      cancel();
  }

  // A shard that has ended: its report, or why there is none.
  void take(int shard, const SlurmTask& task) {
    const auto report = read_shard(shard);
    if (!report && !waited_enough(shard)) return;
    open_.erase(shard);
    const auto where = task.node.empty() ? "" : " on " + task.node;
    if (report) {
      parts_.push_back({report_file(shard).string(), *report});
      progress_.note(fmt::format("shard {}/{} has ended{}: {}", shard, count_, where,
                                 to_string(report->verdict)));
    } else {
      std::error_code ignored;
      const auto what = fs::exists(report_file(shard), ignored)
                            ? "its report cannot be used: " + report.error().to_string()
                            : "it left no report" + end_of_log(shard);
      lose(shard, fmt::format("Slurm ended it{}{}, and {}", where,
                              task.state.empty() ? "" : " (" + task.state + ")", what));
    }
  }

  void lose(int shard, const std::string& why) {
    progress_.note(fmt::format("shard {}/{}: {}", shard, count_, why));
    lost_[shard] = {.why = why, .pairs = run_.shards[static_cast<std::size_t>(shard) - 1]};
    // What it is a part of is known all the same.
    auto nothing = run_.whole;
    nothing.runs.clear();
    nothing.shard = {shard, count_};
    parts_.push_back({fmt::format("shard {}", shard), nothing});
  }

  Result<Report> read_shard(int shard) const {
    KOBOX_TRY(const auto text, read_file(report_file(shard), k_max_report_bytes));
    KOBOX_TRY(auto report, read_report(text));
    if (report.shard != Shard{shard, count_})
      return fail(ErrorKind::tool, "it is of another shard");
    return report;
  }

  bool waited_enough(int shard) {
    return waited_.try_emplace(shard, Deadline::after(k_file_delay)).first->second.passed();
  }

  // ": the last lines that it wrote", or "".
  std::string end_of_log(int shard) const {
    const auto log = read_file(directory_ / fmt::format("shard-{}.log", shard), k_max_log);
    if (!log || trim(*log).empty()) return "";
    auto lines = lines_of(trim(*log));
    if (lines.size() > k_log_lines) lines.erase(lines.begin(), lines.end() - k_log_lines);
    std::string text;
    for (const auto line : lines) text += (text.empty() ? ": " : " / ") + printable(line);
    return text;
  }

  // Says so if Slurm does not take it.
  bool cancel() {
    progress_.stage(k_key, "cancelling job " + job_->number());
    const auto cancelled = job_->cancel();
    if (!cancelled) may_still_run(": " + cancelled.error().to_string());
    return cancelled.has_value();
  }

  void may_still_run(const std::string& why) {
    progress_.note(fmt::format("job {} may still run: `{}` ends it{}", job_->number(),
                               job_->cancel_command(), why));
  }

  void cancel_and_wait() {
    const bool cancelled = cancel();
    for (const auto limit = Deadline::after(k_after_cancel); !limit.passed();) {
      if (const auto tasks = job_->tasks(limit, OnInterrupt::go_on)) look_at(*tasks);
      if (open_.empty()) return job_->ended();
      pause_regardless(k_least_pause / 4);
    }
    give_up("kobox was interrupted");
    if (cancelled) may_still_run("");
  }

  void give_up(const std::string& why) {
    for (const int shard : std::set<int>(open_)) {
      if (const auto report = read_shard(shard))
        parts_.push_back({report_file(shard).string(), *report});
      else
        lose(shard, why);
    }
    open_.clear();
  }

  const SlurmRun& run_;
  const int count_;  // of shards
  const fs::path directory_;
  Progress& progress_;
  std::optional<SlurmJob> job_;
  std::set<int> open_;              // shards of which nothing is known yet
  std::map<int, Deadline> waited_;  // how long their reports may still come
  std::set<std::string> told_;      // reasons to wait that the user knows
  std::vector<NamedReport> parts_;
  LostShards lost_;
};

}  // namespace

Result<Report> run_on_slurm(const SlurmRun& run, Progress& progress) {
  KOBOX_TRY(auto directory, TempDir::make(run.state / "slurm", "run"));
  // `kobox cache prune` leaves it alone meanwhile.
  KOBOX_TRY(const auto lock, FileLock::acquire(directory.path() / "lock", LockMode::shared,
                                               Deadline::after(k_file_delay)));
  Gathering gathering(run, directory.path(), progress);
  KOBOX_CHECK(gathering.submit());
  gathering.wait();
  auto report = gathering.merged();
  if (!report || gathering.lost_some())
    progress.note(
        fmt::format("the shards' reports and logs are kept in {}", directory.keep().string()));
  return report;
}

}  // namespace kobox
