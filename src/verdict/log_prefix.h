// SPDX-License-Identifier: GPL-2.0-or-later
// What stands before the message in a line of the kernel's console.
#pragma once

#include <string_view>

namespace kobox {

struct LogEntry {
  std::string_view text;  // the message
  bool timed = false;     // it had a time stamp
};

// Takes off "<4>", "[   12.345678] " and "[    T1] ". Text that stands before the time stamp (a
// program's unfinished line, the firmware's) is dropped with it; a line without any is returned
// whole.
LogEntry read_log_prefix(std::string_view line);

}  // namespace kobox
