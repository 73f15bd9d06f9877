// SPDX-License-Identifier: GPL-2.0-or-later
// The agent's loop: requests from the host, the kernel's log, children, time limits.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "job.h"
#include "modprobe.h"
#include "port.h"

namespace kobox::agent {

class Agent {
 public:
  explicit Agent(int port);
  [[noreturn]] void serve();

 private:
  void say_hello();
  void wait_and_dispatch();
  void handle(const Json& request);
  // Members of a successful reply; the caller adds id and ok. Unknown operations are an error.
  Json answer(const std::string& operation, const Json& request);
  void note_others(bool begin);
  int call_in_child(const Json& request);
  void start_job(const Json& request, Job::Kind kind);
  void reply(std::uint64_t id, Json members);
  // Sends what there is, in one message of at most that many records. How many it sent.
  std::size_t send_kernel_log(std::size_t most);
  void reap();
  void check_limits();
  // By so much a wait ended too late.
  void forgive(Clock::duration late);
  // Until a limit passes, at most a second; -1 without limits.
  int poll_timeout() const;

  Port port_;
  int kmsg_;
  int signals_;
  std::size_t log_capacity_ = 0;  // records
  std::list<Job> jobs_;
  std::vector<std::string> marked_;  // the inventory that was marked
  std::vector<std::string> before_others_;
  ModprobeRequests modprobes_;
};

}  // namespace kobox::agent
