// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel's reports of its own errors look like: their first lines, the lines inside, and
// their ends. The texts are those of the kernel's sources; the table names the files.
//
// Everything here judges one whole line without its time stamp. A headline counts only at the
// line's start or after one of the kernel's own prefixes, so that neither "DEBUG:" nor what a
// module says of its users' input ("mymod: got BUG: …") is one.
#pragma once

#include <optional>
#include <string_view>

#include "verdict/verdict.h"

namespace kobox {

// How a report ends.
enum class ReportEnd {
  marker,     // "---[ end trace"
  separator,  // a line of "=", or "---[ end trace" (newer UBSAN)
  trace,      // with its call trace
  line,       // it is one line
};

struct Headline {
  FailureKind kind = FailureKind::oops;
  ReportEnd end = ReportEnd::marker;
  bool bare_trace = false;  // its call trace comes without "Call Trace:"
};

// Does this line alone begin a report?
std::optional<Headline> match_headline(std::string_view line);
// "BUG: …" or "WARNING: …" of no known kind: a report if a call trace follows.
std::optional<Headline> match_unproven_headline(std::string_view line);
// Any "WARNING: " counts right after "cut here".
std::optional<Headline> match_cut_here_headline(std::string_view line);

// A line ahead of the headline that says better than the headline what is wrong:
// "list_add corruption. …" before "kernel BUG at lib/list_debug.c:29!".
bool is_telling_prelude(std::string_view line);
bool is_cut_here(std::string_view line);
bool is_separator(std::string_view line);  // only "="
// The line that an x86 fault prints once: "Oops: 0000 [#1] PREEMPT SMP".
bool is_die_line(std::string_view line);
bool is_panic(std::string_view line);
// A panic that only ends the story of a report of this kind.
bool is_consequence(std::string_view panic, FailureKind of);

bool is_end_trace(std::string_view line);
bool is_end_panic(std::string_view line);
bool is_trace_start(std::string_view line);
// What follows is the call trace of a victim, not of what is at fault.
bool is_bystander(std::string_view line);
// The kernel's own furniture around a call trace: registers, "Modules linked in:", "CPU: …". A
// call trace, or this, shows that an unproven headline was the kernel's.
bool is_dump_start(std::string_view line);
// Could this line stand within a report? Text of a module usually could not.
bool is_familiar(std::string_view line);

}  // namespace kobox
