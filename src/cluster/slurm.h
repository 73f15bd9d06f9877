// SPDX-License-Identifier: GPL-2.0-or-later
// A job array of Slurm's, by its own commands: sbatch(1), squeue(1), scancel(1).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

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

// What `squeue --format=%K|%T|%N|%r` prints. ErrorKind::tool for any other line.
Result<std::vector<SlurmTask>> parse_squeue(std::string_view text);

struct SlurmSubmission {
  std::filesystem::path script;   // of one task, which finds its number in SLURM_ARRAY_TASK_ID
  int tasks = 1;                  // numbered from 1
  std::string name;               // that squeue shows
  std::string log;                // of a task; %a is its number
  std::vector<std::string> more;  // arguments of the user's for sbatch
};

// A submitted array. Cancelled by the destructor if it is not known to have ended.
class SlurmJob {
 public:
  // ErrorKind::environment without sbatch in PATH, ErrorKind::tool with what sbatch said if it
  // refused.
  static Result<SlurmJob> submit(const SlurmSubmission& submission);

  SlurmJob(const SlurmJob&) = delete;
  SlurmJob& operator=(const SlurmJob&) = delete;
  SlurmJob(SlurmJob&& other) noexcept : id_(std::exchange(other.id_, "")) {}
  SlurmJob& operator=(SlurmJob&&) = delete;
  ~SlurmJob();

  const std::string& id() const { return id_; }
  // Its tasks. Slurm forgets a job some time after its end (MinJobAge): what is not there any more
  // has ended. ErrorKind::tool if squeue fails otherwise: the controller may be back later.
  Result<std::vector<SlurmTask>> tasks() const;
  // Slurm ends what runs (SIGTERM, later SIGKILL) and forgets what waits. Goes on after an
  // interrupt.
  void cancel();
  // There is nothing left to cancel.
  void ended() { id_.clear(); }

 private:
  explicit SlurmJob(std::string id) : id_(std::move(id)) {}
  std::string id_;
};

}  // namespace kobox
