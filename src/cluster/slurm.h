// SPDX-License-Identifier: GPL-2.0-or-later
// A job array of Slurm's, by its own commands: sbatch(1), squeue(1), scancel(1).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/deadline.h"
#include "base/result.h"

namespace kobox {

// One task of an array, as squeue shows it.
struct SlurmTask {
  int index = 0;
  std::string state;   // "RUNNING"; squeue(1), "JOB STATE CODES"
  std::string node;    // "" before it has one
  std::string reason;  // why it waits: "Resources"
};

// Will a task in this state do nothing more? False for states that are not known.
bool has_ended(const SlurmTask& task);

// What `squeue --format=%K|%T|%N|%r` prints; the line "CLUSTER: NAME", which it has where a cluster
// is asked for by its name, is passed over. ErrorKind::tool for any other line.
Result<std::vector<SlurmTask>> parse_squeue(std::string_view text);

struct SlurmJobId {
  std::string number;
  std::string cluster;  // "" for the one of slurm.conf
};

// What `sbatch --parsable` prints: "ID", or "ID;CLUSTER". ErrorKind::tool for anything else.
Result<SlurmJobId> parse_sbatch(std::string_view text);

struct SlurmSubmission {
  std::filesystem::path script;   // of one task, which finds its number in SLURM_ARRAY_TASK_ID
  int tasks = 1;                  // numbered from 1
  std::string name;               // that squeue shows
  std::string log;                // of a task; %a is its number
  std::vector<std::string> more;  // arguments of the user's for sbatch
  Duration limit = std::chrono::seconds(60);  // of sbatch: a busy controller makes it wait
};

// A submitted array. Cancelled by the destructor if it is neither cancelled nor known to have
// ended.
class SlurmJob {
 public:
  // Goes on after an interrupt: what was submitted must be known, to be cancelled.
  // ErrorKind::environment without sbatch in PATH, ErrorKind::tool with what sbatch said if it
  // refused; ErrorKind::timeout, which says how to find the job, if it did not end.
  static Result<SlurmJob> submit(const SlurmSubmission& submission);

  SlurmJob(const SlurmJob&) = delete;
  SlurmJob& operator=(const SlurmJob&) = delete;
  SlurmJob(SlurmJob&& other) noexcept
      : id_(std::move(other.id_)), may_run_(std::exchange(other.may_run_, false)) {}
  SlurmJob& operator=(SlurmJob&&) = delete;
  ~SlurmJob();

  const std::string& number() const { return id_.number; }
  // What a user may type: "scancel 12".
  std::string cancel_command() const;
  // Its tasks. Slurm forgets a job some time after its end (MinJobAge): what is not there any more
  // has ended. Errors: tool or timeout if squeue fails otherwise (the controller may be back
  // later), interrupted.
  Result<std::vector<SlurmTask>> tasks(Deadline deadline, OnInterrupt on_interrupt) const;
  // Slurm ends what runs (SIGTERM, later SIGKILL) and forgets what waits. Goes on after an
  // interrupt. ErrorKind::tool or timeout: it may still run. A job that has ended is no error.
  Result<> cancel();
  // The destructor has nothing to cancel.
  void ended() { may_run_ = false; }

 private:
  explicit SlurmJob(SlurmJobId id) : id_(std::move(id)) {}
  std::vector<std::string> scancel() const;

  SlurmJobId id_;
  bool may_run_ = true;
};

}  // namespace kobox
