// SPDX-License-Identifier: GPL-2.0-or-later
// A Slurm of three nodes on this host, for a test: Debian's munge, slurmctld and slurmd, with their
// own configuration, ports and state. They are children of the test and end with it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/child.h"
#include "tool.h"

namespace kobox::e2e {

class SlurmCluster {
 public:
  // All it writes is in the directory. Fails the test if the nodes do not become idle.
  explicit SlurmCluster(fs::path directory);
  ~SlurmCluster();

  // Where Slurm's commands find it.
  std::pair<std::string, std::string> environment() const;
  // What squeue says of all jobs that are not over: "TASK STATE NODE" each.
  std::vector<std::string> queue() const;
  // As when its power fails: slurmd, and what Slurm runs on the node, are killed. Slurm is told
  // that the node is down: left to notice by itself, within a time that a test can wait for, it
  // would take a node on a busy host for a dead one.
  void kill_node(const std::string& node);

 private:
  void write_configuration();
  void start(const std::string& name, const std::vector<std::string>& argv);
  // What it prints; one that fails makes the test fail.
  std::string run(const std::vector<std::string>& argv) const;
  Result<std::string> try_run(const std::vector<std::string>& argv) const;
  void end_node(const std::string& node);
  bool is_job_of(pid_t pid, const std::string& node) const;
  std::vector<pid_t> jobs_on(const std::string& node) const;

  fs::path directory_;
  std::map<std::string, Child> daemons_;
};

}  // namespace kobox::e2e
