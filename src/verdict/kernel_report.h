// SPDX-License-Identifier: GPL-2.0-or-later
// Recognising a broken kernel from what it prints.
//
// Lines come from /dev/kmsg or from the serial console, in pieces of any size. The reader finds
// the reports in them (oops, WARN_ON, KASAN, lockups, panic …), each with its headline, its kind,
// its call trace and its own lines.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verdict/verdict.h"

namespace kobox {

// "dev_write+0x12/0x90 [qemu_exercise]"
struct TraceFrame {
  std::string function;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string module;    // "" for the kernel itself
  bool reliable = true;  // false for "? name+0x…"
};

struct KernelReport {
  FailureKind kind = FailureKind::oops;
  std::string title;  // "BUG: kernel NULL pointer dereference, address: 0000000000000008"
  std::optional<TraceFrame> rip;   // "RIP: 0010:dev_write+0x12/0x90 [qemu_exercise]"
  std::vector<TraceFrame> trace;   // "Call Trace:" downwards, the rip not included
  std::vector<std::string> lines;  // the report's lines, without time stamps; at most 200
  bool complete = false;           // its end was seen ("---[ end trace", or other text after it)

  // The innermost frame that belongs to this module (the rip first, then the trace; unreliable
  // frames only if there is no reliable one), or nothing.
  std::optional<TraceFrame> innermost_frame(std::string_view module) const;
};

// Reads console text as it comes. Bounded: a line is cut at 4 KiB, a report at 200 lines, and at
// most 100 reports are kept.
class ReportReader {
 public:
  // Any piece of console text; lines may be split anywhere. Time stamps ("[   12.345678] "),
  // caller ids ("[  T123] ") and carriage returns are taken off.
  void feed(std::string_view bytes);
  // One whole line without time stamp, as /dev/kmsg gives it. Do not mix with feed().
  void feed_line(std::string_view line);
  // No more is coming: an unfinished last line and an open report count as they are.
  void finish();

  // In the order they were printed. A report still being printed is the last, complete == false.
  const std::vector<KernelReport>& reports() const;
  // The most telling one (see more_telling), the first of its kind, or nullptr.
  const KernelReport* most_telling() const;

 private:
  // Implementation's own state.
  void take_line(std::string_view line);
  std::string partial_;
  std::vector<KernelReport> reports_;
  // …
};

}  // namespace kobox
