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
  // All it writes is in the directory. A node that says nothing for `node_timeout` is down for
  // Slurm: not too short, as a node on a busy host is silent for a while. Fails the test if the
  // nodes are not idle within 30 s.
  SlurmCluster(fs::path directory, std::chrono::seconds node_timeout);
  ~SlurmCluster();

  // Where Slurm's commands find it.
  std::pair<std::string, std::string> environment() const;
  // What squeue says of all jobs that are not over: "TASK STATE NODE" each.
  std::vector<std::string> queue() const;
  // As when its power fails: slurmd, and what Slurm runs on the node, are killed. Slurm notices
  // when it asks the node again, some times node_timeout later.
  void kill_node(const std::string& node);

 private:
  void write_configuration(std::chrono::seconds node_timeout);
  void start(const std::string& name, const std::vector<std::string>& argv);
  std::string run(const std::vector<std::string>& argv) const;
  std::vector<pid_t> jobs_on(const std::string& node) const;

  fs::path directory_;
  std::map<std::string, Child> daemons_;
};

}  // namespace kobox::e2e
