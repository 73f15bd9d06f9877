// SPDX-License-Identifier: GPL-2.0-or-later
// The part of the kernel's log that belongs to one test, and how much of it nobody has seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/agent_client.h"

namespace kobox {

struct LogPart {
  // The text of what the kernel itself logged, in order; what user space wrote into /dev/kmsg is
  // left out.
  std::vector<std::string> lines;
  // Records of anybody's that are missing among them: the kernel had written over them before the
  // agent read them, or more came than is kept (AgentClient::KernelLog).
  std::uint64_t lost = 0;
};

// From record `from` of the log on. A record's sequence number says how many came before it.
LogPart log_part(const AgentClient::KernelLog& log, std::size_t from);

// "3 records of the kernel log were lost". For `lost` of at least 1.
std::string describe_lost(std::uint64_t lost);

}  // namespace kobox
