// SPDX-License-Identifier: GPL-2.0-or-later
#include "cluster/slurm.h"

#include <algorithm>
#include <array>

#include "base/child.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// A controller that is busy makes its clients wait.
constexpr Duration k_patience = 60s;

// squeue(1), "JOB STATE CODES": those in which a task stays.
constexpr std::array<std::string_view, 10> k_final_states = {
    "BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED",
    "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT"};

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Slurm's commands run to their end after an interrupt too: a job that was submitted must be known
// to be cancelled.
Result<CommandResult> run_slurm(std::vector<std::string> argv) {
  return run_command({.argv = std::move(argv)},
                     {.deadline = Deadline::after(k_patience), .on_interrupt = OnInterrupt::go_on});
}

}  // namespace

bool has_ended(const SlurmTask& task) {
  return std::ranges::find(k_final_states, task.state) != k_final_states.end();
}

Result<std::vector<SlurmTask>> parse_squeue(std::string_view text) {
  std::vector<SlurmTask> tasks;
  for (const auto line : lines_of(text)) {
    const auto fields = split(line, '|');
    if (fields.size() != 4 || !is_number(fields[0]))
      return fail(ErrorKind::tool, "squeue said '{}', which is no task of an array",
                  printable(line.substr(0, 200)));
    tasks.push_back({.index = std::stoi(fields[0]),
                     .state = printable(fields[1]),
                     .node = printable(fields[2]),
                     .reason = printable(fields[3])});
  }
  return tasks;
}

Result<SlurmJob> SlurmJob::submit(const SlurmSubmission& submission) {
  if (!find_program("sbatch"))
    return fail(ErrorKind::environment,
                "--on slurm needs Slurm's commands, and there is no sbatch in PATH");
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
  KOBOX_TRY(const auto done, run_slurm(argv));
  if (!done.status.success())
    return fail(ErrorKind::tool, "sbatch {}: {}", done.status.to_string(),
                printable(trim(done.error)));
  // "ID" or "ID;CLUSTER"
  const auto id = std::string(trim(done.output)).substr(0, trim(done.output).find(';'));
  if (!is_number(id))
    return fail(ErrorKind::tool, "sbatch said '{}', which is no job's number",
                printable(trim(done.output)).substr(0, 200));
  return SlurmJob(id);
}

SlurmJob::~SlurmJob() {
  if (!id_.empty()) cancel();
}

Result<std::vector<SlurmTask>> SlurmJob::tasks() const {
  KOBOX_TRY(const auto done, run_slurm({"squeue", "--noheader", "--array", "--states=all",
                                        "--jobs=" + id_, "--format=%K|%T|%N|%r"}));
  if (done.status.success()) return parse_squeue(done.output);
  if (done.error.find("Invalid job id") != std::string::npos) return std::vector<SlurmTask>();
  return fail(ErrorKind::tool, "squeue {}: {}", done.status.to_string(),
              printable(trim(done.error)));
}

void SlurmJob::cancel() { [[maybe_unused]] const auto done = run_slurm({"scancel", id_}); }

}  // namespace kobox
