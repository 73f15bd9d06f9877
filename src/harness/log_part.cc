// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/log_part.h"

#include <algorithm>

#include "verdict/kernel_log.h"

namespace kobox {

LogPart log_part(const AgentClient::KernelLog& log, std::size_t from) {
  const auto first = std::max(from, log.dropped);
  LogPart part{.lines = {}, .lost = first - from};
  std::optional<std::uint64_t> next;  // the sequence number that is expected
  // The record before the part is where its numbers begin.
  for (auto i = first > log.dropped ? first - 1 : first; i < log.end(); ++i) {
    auto line = parse_kmsg_record(log.records[i - log.dropped]);
    if (!line) continue;  // its number will be missed
    if (next && line->sequence > *next) part.lost += line->sequence - *next;
    next = line->sequence + 1;
    if (i >= from && line->facility == 0) part.lines.push_back(std::move(line->text));
  }
  return part;
}

std::string describe_lost(std::uint64_t lost) {
  return lost == 1 ? "1 record of the kernel log was lost"
                   : fmt::format("{} records of the kernel log were lost", lost);
}

}  // namespace kobox
