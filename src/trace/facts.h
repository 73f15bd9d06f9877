// SPDX-License-Identifier: GPL-2.0-or-later
// What a trace is of, and how far it can be trusted.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace kobox {

struct TraceFacts {
  std::string module;
  std::string command;
  int status = 0;  // of the command
  std::string kernel;
  std::string accel;               // "tcg" or "kvm"
  std::string source;              // where the numbers come from, for people
  std::string ended_early;         // why the recording ended early; "": it did not
  std::vector<std::string> notes;  // what could not be known, a sentence each
  // Events that were asked for: QEMU's and tracepoints of KVM, with how often they came.
  std::map<std::string, std::uint64_t> events;
  std::set<std::string> not_recorded;  // tracepoints that were asked for
  std::uint64_t lost = 0;              // events that a buffer had no room for
  std::uint64_t malformed = 0;         // lines or pages of the recording that could not be read
};

}  // namespace kobox
