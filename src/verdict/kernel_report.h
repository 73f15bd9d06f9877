// SPDX-License-Identifier: GPL-2.0-or-later
// Recognising a broken kernel from what it prints.
//
// Lines come from /dev/kmsg or from the serial console, in pieces of any size. The reader finds
// the reports in them (oops, WARN_ON, KASAN, lockups, panic …), each with its headline, its kind,
// its call trace and its own lines.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/line_splitter.h"
#include "verdict/report_patterns.h"
#include "verdict/trace_line.h"
#include "verdict/verdict.h"

namespace kobox {

struct KernelReport {
  FailureKind kind = FailureKind::oops;
  // The kernel's own headline: "BUG: kernel NULL pointer dereference, address: 0000000000000008".
  // Where the kernel says what is wrong in the line before it (WARN() with a message, a corrupted
  // list ahead of its BUG()), that line: "refcount_t: underflow; use-after-free."
  std::string title;
  // The place of the fault: of "RIP: 0010:dev_write+0x12/0x90 [qemu_exercise]", or of a headline
  // that names it (WARN, KASAN, KFENCE, the stack protector).
  std::optional<TraceFrame> rip;
  std::vector<TraceFrame> trace;   // the first call trace downwards, the rip not included
  std::vector<std::string> lines;  // the report's lines, without time stamps; at most 200
  bool complete = false;           // its end was seen ("---[ end trace", or other text after it)

  // The innermost frame that belongs to one of these modules (the rip first, then the trace;
  // unreliable frames only if there is no reliable one), or nothing. '-' and '_' are the same in a
  // name.
  std::optional<TraceFrame> innermost_frame(std::span<const std::string> modules) const;
};

// The reader's own state; not in the class, where clang cannot yet see their initializers.
namespace reading {

// Lines that may turn out to begin a report: separators, "cut here", a message ahead of a BUG().
struct Prologue {
  std::vector<std::string> lines;
  std::string title;                 // "" if the headline is to be the title
  std::optional<Headline> unproven;  // a report if a call trace follows
  bool cut_here = false;
  int lines_left = 0;  // lines of other text until it is given up
};

enum class Trace { before, inside, after };

// What is known of the last report while it is printed.
struct Open {
  Headline headline;
  Trace trace = Trace::before;
  bool bystander = false;         // the next trace is of no interest
  bool placed = false;            // the place of the fault is known, or that it has no name
  bool marked = false;            // the trace stands between <TASK> and </TASK>
  bool died = false;              // the line with "[#1]" was seen
  bool panicked = false;          // a panic belongs to it
  std::vector<std::string> held;  // lines that only count if more of the report follows
};

}  // namespace reading

// Reads console text as it comes, in time linear in its length. Bounded: a line is cut at 4 KiB, a
// report at 200 lines, and 100 reports are kept; of those beyond, only one more telling than all
// that are kept takes the last place.
//
// A panic that only ends the story of a report before it ("Fatal exception" after an oops,
// "panic_on_warn set") belongs to that report.
class ReportReader {
 public:
  ReportReader();
  // Any piece of console text; lines may be split anywhere, the result is the same. Time stamps
  // ("[   12.345678] "), caller ids ("[  T123] "), syslog levels ("<4>") and carriage returns are
  // taken off. Once one line had a time stamp, lines without are not the kernel's and are ignored.
  void feed(std::string_view bytes);
  // One whole line without time stamp, as /dev/kmsg gives it: of several in one record only the
  // first that is not empty can begin a report. Only the kernel's own (facility 0): what user space
  // wrote is for the caller to leave out. Do not mix with feed().
  void feed_line(std::string_view line);
  // No more is coming: an unfinished last line and an open report count as they are.
  void finish();

  // In the order they were printed. A report still being printed is the last, complete == false.
  const std::vector<KernelReport>& reports() const { return reports_; }
  // The most telling one (see more_telling), the first of its kind, or nullptr.
  const KernelReport* most_telling() const;

 private:
  void take_console_line(std::string_view line);
  void take_line(std::string_view line);
  // False if the line does not belong to the open report, which then is closed.
  bool continue_report(std::string_view line);
  // What a headline, or "cut here", within the open report means.
  bool continue_with_headline(const Headline& headline, std::string_view line);
  bool continue_with_text(std::string_view line);
  bool join_panic(std::string_view line);
  void begin_report(const Headline& headline, std::string_view line);
  void close_report();
  void follow_trace(std::string_view line);
  void append(std::string_view line);
  std::size_t lines_to_wait() const;
  void watch_prologue(std::string_view line);

  LineSplitter console_lines_;  // of feed()
  bool timed_ = false;          // of feed(): a time stamp was seen
  std::optional<reading::Prologue> prologue_;
  std::optional<reading::Open> open_;
  std::size_t lines_since_ = 0;  // the last report was closed
  std::vector<KernelReport> reports_;
};

}  // namespace kobox
