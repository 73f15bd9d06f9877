// SPDX-License-Identifier: GPL-2.0-or-later
// The guest kernel's own tracing of one module's functions (Documentation/trace/ftrace.rst): when
// they are entered and left, when those are that they call in the kernel, and what its scheduler
// and interrupts do meanwhile. The clock is the CPU's time stamp counter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "guest/agent_client.h"

namespace kobox {

class FunctionTracing {
 public:
  struct Spec {
    std::string module;                  // as /sys/module calls it
    std::vector<std::string> functions;  // the module's
    std::vector<std::string> called;     // those of the kernel that it calls
    std::uint64_t buffer = 0;            // bytes for each CPU
    int cpus = 1;
  };
  // Sets the guest's kernel up, but records nothing yet. Errors of all calls: as AgentClient's;
  // tool, with the guest's words, if its kernel cannot.
  static Result<FunctionTracing> prepare(AgentClient& agent, const Spec& spec);

  Result<> start();
  Result<> stop();

  struct Recording {
    std::vector<std::filesystem::path> files;  // a CPU's: whole pages of the kernel's ring buffer
    std::vector<std::string> formats;          // of its events: their format files
    std::uint64_t lost = 0;                    // events that did not fit
  };
  // What was recorded, into files below `directory`. Once; after stop().
  Result<Recording> collect(const std::filesystem::path& directory);

 private:
  FunctionTracing(AgentClient& agent, const Spec& spec)
      : agent_(&agent), buffer_(spec.buffer), cpus_(spec.cpus) {}
  Result<std::string> shell(const std::string& script);

  AgentClient* agent_;
  std::uint64_t buffer_;
  int cpus_;
};

}  // namespace kobox
