// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/kernel_report.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "verdict/log_prefix.h"

namespace kobox {

using reading::Open;
using reading::Prologue;
using reading::Trace;

namespace {

constexpr std::size_t k_max_line = 4096;
constexpr std::size_t k_max_report_lines = 200;
constexpr std::size_t k_max_reports = 100;
constexpr std::size_t k_max_frames = 200;
// How long after a report's end a panic may still be its consequence: between stand the registers
// of user space and what other processors say.
constexpr std::size_t k_panic_distance = 64;

// Lines of other text after which the start of a report is given up.
constexpr int k_separator_lines = 3;
constexpr int k_prologue_lines = 12;
constexpr std::size_t k_max_prologue = 32;

// Call traces end with their mark; the bare ones of KFENCE, KCSAN and KMSAN with a blank line.
bool ends_trace(std::string_view line) { return trim(line).empty() || line.contains("</TASK>"); }

bool same_module(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return x == y || ((x == '-' || x == '_') && (y == '-' || y == '_'));
  });
}

}  // namespace

std::optional<TraceFrame> KernelReport::innermost_frame(
    std::span<const std::string> modules) const {
  const auto ours = [&](const TraceFrame& frame) {
    return std::ranges::any_of(
        modules, [&](const std::string& name) { return same_module(frame.module, name); });
  };
  if (rip && ours(*rip)) return rip;
  auto found = std::ranges::find_if(
      trace, [&](const TraceFrame& frame) { return frame.reliable && ours(frame); });
  if (found == trace.end()) found = std::ranges::find_if(trace, ours);
  if (found == trace.end()) return {};
  return *found;
}

ReportReader::ReportReader() : console_lines_(k_max_line) {}

void ReportReader::feed(std::string_view bytes) {
  console_lines_.feed(bytes, [this](StreamLine line) { take_console_line(line.text); });
}

void ReportReader::feed_line(std::string_view record) {
  bool first = true;
  if (record.empty()) take_line(record);  // a blank line ends some traces
  for (const auto whole : lines_of(record)) {
    const auto line = whole.substr(0, k_max_line);
    if (first)
      take_line(line);
    else if (open_)
      continue_with_text(line);
    first = first && trim(line).empty();
  }
}

void ReportReader::finish() {
  console_lines_.finish([this](StreamLine line) { take_console_line(line.text); });
  // Nobody but the kernel cuts here: even with nothing after it, something was wrong.
  if (prologue_ && prologue_->cut_here) {
    const auto last = std::move(prologue_->lines.back());
    prologue_->lines.pop_back();
    begin_report({FailureKind::warning, ReportEnd::marker}, last);
  }
  prologue_.reset();
  open_.reset();
}

const KernelReport* ReportReader::most_telling() const {
  const auto best = std::ranges::max_element(
      reports_, [](const auto& a, const auto& b) { return more_telling(b.kind, a.kind); });
  return best == reports_.end() ? nullptr : &*best;
}

void ReportReader::take_console_line(std::string_view text) {
  std::string line(text);
  std::erase(line, '\r');
  const auto entry = read_log_prefix(line);
  if (entry.timed) timed_ = true;
  if (entry.timed || !timed_) take_line(entry.text);
}

void ReportReader::take_line(std::string_view line) {
  if (open_) {
    if (continue_report(line)) return;
  } else {
    ++lines_since_;
    if (is_panic(line) && join_panic(line)) return;
  }
  auto headline = match_headline(line);
  if (!headline && prologue_ && prologue_->cut_here) headline = match_cut_here_headline(line);
  if (!headline) return watch_prologue(line);
  // What only a call trace could have proven has nothing to do with this.
  if (prologue_ && prologue_->unproven && !prologue_->cut_here) prologue_.reset();
  begin_report(*headline, line);
}

bool ReportReader::continue_report(std::string_view line) {
  if (is_panic(line)) {
    if (join_panic(line)) return true;
    close_report();
    return false;
  }
  if (is_cut_here(line)) {
    close_report();
    return false;
  }
  if (const auto headline = match_headline(line)) return continue_with_headline(*headline, line);
  return continue_with_text(line);
}

// A fault announces itself more than once: "BUG: unable to handle page fault", then "Oops: …
// [#1]"; "kernel BUG at", then "invalid opcode: … [#1]". The line with the number ends that.
bool ReportReader::continue_with_headline(const Headline& headline, std::string_view line) {
  const auto kind = reports_.back().kind;
  const bool same_fault =
      kind == FailureKind::oops && headline.kind == FailureKind::oops && !open_->died;
  // lib/kobject.c adds its own line to what fs/sysfs/dir.c has just reported.
  const bool same_warning =
      kind == FailureKind::warning && headline.end == ReportEnd::line && is_familiar(line);
  if (!same_fault && !same_warning) {
    close_report();
    return false;
  }
  open_->died = open_->died || is_die_line(line);
  append(line);
  return true;
}

bool ReportReader::continue_with_text(std::string_view line) {
  auto& report = reports_.back();
  const auto end = open_->headline.end;
  if (is_end_panic(line) || (is_end_trace(line) && !open_->panicked)) {
    append(line);
    close_report();
    return true;
  }
  if (is_separator(line) && end == ReportEnd::separator) {
    append(line);
    close_report();
    return true;
  }
  if (is_separator(line) && end == ReportEnd::trace && open_->trace == Trace::after) {
    close_report();
    return false;
  }
  if (is_familiar(line)) {
    follow_trace(line);
    append(line);
    if (open_->trace == Trace::after && end == ReportEnd::trace) report.complete = true;
    return true;
  }
  if (open_->held.size() < lines_to_wait()) {
    open_->held.emplace_back(line);
    return true;
  }
  close_report();
  return false;
}

// How many lines of other text in a row are taken for a module's log lines that came between.
std::size_t ReportReader::lines_to_wait() const {
  constexpr std::size_t k_until_marker = 100;
  constexpr std::size_t k_until_trace = 8;
  constexpr std::size_t k_inside_trace = 3;
  if (open_->panicked || open_->headline.end != ReportEnd::trace) return k_until_marker;
  if (open_->trace == Trace::before) return k_until_trace;
  if (open_->trace == Trace::after) return 0;
  return open_->marked ? k_until_marker : k_inside_trace;
}

bool ReportReader::join_panic(std::string_view line) {
  if (reports_.empty() || !is_consequence(line, reports_.back().kind)) return false;
  if (!open_) {
    if (lines_since_ > k_panic_distance) return false;
    open_ = Open{.headline = {reports_.back().kind, ReportEnd::marker}, .trace = Trace::after};
  }
  open_->panicked = true;
  append(line);
  return true;
}

void ReportReader::begin_report(const Headline& headline, std::string_view line) {
  auto prologue = std::exchange(prologue_, {}).value_or(Prologue{});
  if (reports_.size() == k_max_reports) {
    // A flood of warnings must not hide the oops behind them.
    if (!more_telling(headline.kind, most_telling()->kind)) return;
    reports_.pop_back();
  }
  const bool own_title =
      headline.kind == FailureKind::warning || headline.kind == FailureKind::oops;
  auto& report = reports_.emplace_back();
  report.kind = headline.kind;
  report.title = own_title && !prologue.title.empty() ? prologue.title : std::string(trim(line));
  report.rip = find_frame(line);
  report.lines = std::move(prologue.lines);
  open_ = Open{.headline = headline, .placed = report.rip.has_value(), .died = is_die_line(line)};
  append(line);
  if (headline.end == ReportEnd::line) close_report();
}

void ReportReader::close_report() {
  reports_.back().complete = true;
  open_.reset();
  lines_since_ = 0;
}

void ReportReader::follow_trace(std::string_view line) {
  auto& report = reports_.back();
  auto& state = open_->trace;
  if (state == Trace::after) return;
  if (is_bystander(line)) open_->bystander = true;
  if (open_->bystander) {
    open_->bystander = !ends_trace(line);
    return;
  }
  // The first alone: the trace may show what was interrupted, and a stall's report goes on with
  // what other processors were doing. A call of NULL has a RIP without a name.
  if (line.starts_with("RIP: ") && !open_->placed) {
    report.rip = parse_rip_line(line);
    open_->placed = true;
  }
  const auto frame = parse_trace_line(line);
  if (state == Trace::before) {
    const bool bare = frame && open_->headline.bare_trace;
    if (!bare && !is_trace_start(line)) return;
    state = Trace::inside;
  }
  if (line.contains("<TASK>")) open_->marked = true;
  if (frame && report.trace.size() < k_max_frames)
    report.trace.push_back(*frame);
  else if (ends_trace(line))
    state = Trace::after;
}

void ReportReader::append(std::string_view line) {
  auto& lines = reports_.back().lines;
  for (auto& held : open_->held)
    if (lines.size() < k_max_report_lines) lines.push_back(std::move(held));
  open_->held.clear();
  if (lines.size() < k_max_report_lines) lines.emplace_back(line);
}

void ReportReader::watch_prologue(std::string_view line) {
  const auto unproven = match_unproven_headline(line);
  if (is_separator(line)) {
    prologue_ = Prologue{.lines = {std::string(line)}, .lines_left = k_separator_lines};
  } else if (is_telling_prelude(line) || unproven) {
    if (!prologue_ || !prologue_->cut_here || prologue_->lines.size() > k_max_prologue)
      prologue_.emplace();
    prologue_->lines.emplace_back(line);
    prologue_->title = trim(line);
    prologue_->unproven = unproven;
    prologue_->lines_left = k_prologue_lines;
  } else if (is_cut_here(line)) {
    if (!prologue_ || prologue_->cut_here || prologue_->unproven) prologue_.emplace();
    prologue_->lines.emplace_back(line);
    prologue_->cut_here = true;
    prologue_->lines_left = k_prologue_lines;
  } else if (prologue_ && prologue_->unproven && is_dump_start(line)) {
    const auto headline = *prologue_->unproven;
    begin_report(headline, line);
    if (open_) follow_trace(line);
  } else if (prologue_ && prologue_->lines_left-- == 0) {
    prologue_.reset();
  } else if (prologue_) {
    prologue_->lines.emplace_back(line);
    if (prologue_->cut_here && prologue_->title.empty()) prologue_->title = trim(line);
  }
}

}  // namespace kobox
