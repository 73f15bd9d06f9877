// SPDX-License-Identifier: GPL-2.0-or-later
#include "cluster/slurm.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// A controller that is busy makes its clients wait.
constexpr Duration k_reply_limit = 60s;

// squeue(1), "JOB STATE CODES": those in which a task stays.
constexpr std::array<std::string_view, 10> k_final_states = {
    "BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED",
    "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT"};

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::size_t k_max_said = 200;  // bytes that a message repeats of an answer

bool is_cluster_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

Result<CommandResult> run_slurm(std::vector<std::string> argv, Deadline deadline,
                                OnInterrupt on_interrupt) {
  return run_command({.argv = std::move(argv)},
                     {.deadline = deadline, .on_interrupt = on_interrupt});
}

std::unexpected<Error> refused(const char* program, const CommandResult& done) {
  return fail(ErrorKind::tool, "{} {}: {}", program, done.status.to_string(),
              printable(trim(done.error)));
}

std::vector<std::string> sbatch(const SlurmSubmission& submission) {
  // A task that Slurm began again would do its tests twice, and hide that its node died.
  std::vector<std::string> argv = {"sbatch",
                                   "--parsable",
                                   "--no-requeue",
                                   "--export=ALL",
                                   fmt::format("--array=1-{}", submission.tasks),
                                   "--job-name=" + submission.name,
                                   "--output=" + submission.log};
  argv.insert(argv.end(), submission.more.begin(), submission.more.end());
  argv.push_back(submission.script.string());
  return argv;
}

}  // namespace

bool has_ended(const SlurmTask& task) {
  return std::ranges::find(k_final_states, task.state) != k_final_states.end();
}

Result<std::vector<SlurmTask>> parse_squeue(std::string_view text) {
  std::vector<SlurmTask> tasks;
  for (const auto line : lines_of(text)) {
    if (line.starts_with("CLUSTER: ")) continue;
    const auto fields = split(line, '|');
    if (fields.size() != 4 || !is_number(fields[0]))
      return fail(ErrorKind::tool, "squeue said '{}', which is no task of an array",
                  printable(line.substr(0, k_max_said)));
    tasks.push_back({.index = std::stoi(fields[0]),
                     .state = printable(fields[1]),
                     .node = printable(fields[2]),
                     .reason = printable(fields[3])});
  }
  return tasks;
}

Result<SlurmJobId> parse_sbatch(std::string_view text) {
  const auto line = trim(text);
  const auto fields = split(line, ';');
  if (fields.size() > 2 || !is_number(fields[0]) ||
      (fields.size() == 2 && !is_cluster_name(fields[1])))
    return fail(ErrorKind::tool, "sbatch said '{}', which is no job's number",
                printable(line.substr(0, k_max_said)));
  return SlurmJobId{.number = std::string(fields[0]),
                    .cluster = fields.size() == 2 ? std::string(fields[1]) : ""};
}

Result<SlurmJob> SlurmJob::submit(const SlurmSubmission& submission) {
  if (!find_program("sbatch"))
    return fail(ErrorKind::environment,
                "--on slurm needs Slurm's commands, and there is no sbatch in PATH");
  const auto done =
      run_slurm(sbatch(submission), Deadline::after(submission.limit), OnInterrupt::go_on);
  if (!done && done.error().kind() == ErrorKind::timeout)
    return fail(ErrorKind::timeout,
                "{}; the job may have been submitted all the same: `squeue --name {}` shows it, "
                "and scancel with its number ends it",
                done.error().to_string(), shell_quote(submission.name));
  if (!done) return std::unexpected(done.error());
  if (!done->status.success()) return refused("sbatch", *done);
  KOBOX_TRY(auto id, parse_sbatch(done->output));
  return SlurmJob(std::move(id));
}

// Who wants to know what comes of it calls cancel() before.
SlurmJob::~SlurmJob() {
  if (may_run_) [[maybe_unused]]
    const auto cancelled = cancel();
}

std::vector<std::string> SlurmJob::scancel() const {
  std::vector<std::string> argv = {"scancel"};
  if (!id_.cluster.empty()) argv.push_back("--clusters=" + id_.cluster);
  argv.push_back(id_.number);
  return argv;
}

std::string SlurmJob::cancel_command() const { return join(scancel(), " "); }

Result<std::vector<SlurmTask>> SlurmJob::tasks(Deadline deadline, OnInterrupt on_interrupt) const {
  std::vector<std::string> argv = {"squeue",       "--noheader",           "--array",
                                   "--states=all", "--jobs=" + id_.number, "--format=%K|%T|%N|%r"};
  if (!id_.cluster.empty()) argv.push_back("--clusters=" + id_.cluster);
  KOBOX_TRY(const auto done,
            run_slurm(argv, deadline.sooner(Deadline::after(k_reply_limit)), on_interrupt));
  if (done.status.success()) return parse_squeue(done.output);
  if (done.error.find("Invalid job id") != std::string::npos) return std::vector<SlurmTask>();
  return refused("squeue", done);
}

Result<> SlurmJob::cancel() {
  ended();  // the destructor does not try again what may take a minute
  KOBOX_TRY(const auto done,
            run_slurm(scancel(), Deadline::after(k_reply_limit), OnInterrupt::go_on));
  // What slurm_strerror(3) says of a job that has ended, or that Slurm has forgotten since.
  const bool over = done.error.find("already completing or completed") != std::string::npos ||
                    done.error.find("Invalid job id") != std::string::npos;
  if (!done.status.success() && !over) return refused("scancel", done);
  return {};
}

}  // namespace kobox
