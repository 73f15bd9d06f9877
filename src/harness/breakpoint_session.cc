// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/breakpoint_session.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace kobox {
namespace {

constexpr int k_max_frames = 64;
// A module's function has some hundred lines, and a loop in it soon comes round.
constexpr std::size_t k_max_steps = 1000;
// THREAD_SIZE in arch/x86/include/asm/page_64_types.h; stacks are aligned to it. With KASAN they
// are larger, and one is told from another all the same.
constexpr int k_stack_bytes = 16384;
// More than any expression's, less than what fills a report.
constexpr int k_printed_elements = 200;

int number_in(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

CodePlace place_of(const MiValue* frame) {
  if (frame == nullptr) return {};
  CodePlace place{.function = std::string(frame->text("func")),
                  .file = std::string(frame->text("fullname")),
                  .line = number_in(frame->text("line"))};
  if (place.file.empty()) place.file = frame->text("file");
  return place;
}

bool contains_function(const std::vector<CodePlace>& frames, const std::string& function) {
  return std::ranges::find(frames, function, &CodePlace::function) != frames.end();
}

}  // namespace

Result<> BreakpointSession::connect(const std::filesystem::path& gdb,
                                    const std::filesystem::path& script,
                                    std::span<const std::string> locations) {
  KOBOX_TRY(gdb_,
            GdbClient::start(loop_, {.argv = {gdb.string(), "-q", "-nx", "--interpreter=mi3"}},
                             deadline_));
  gdb_->on_notify([this](const MiAsync& notice) { take_notice(notice); });
  const auto ask = [&](const std::string& command) { return gdb_->command(command, deadline_); };
  KOBOX_CHECK(ask("-enable-frame-filters"));
  KOBOX_CHECK(ask(fmt::format("-gdb-set print elements {}", k_printed_elements)));
  KOBOX_CHECK(
      ask("-interpreter-exec console " + mi_quote(fmt::format("source {}", script.string()))));
  for (std::size_t i = 0; i < specs_.size(); ++i) KOBOX_CHECK(insert(locations[i]));
  return {};
}

Result<> BreakpointSession::insert(const std::string& location) {
  KOBOX_TRY(const auto results, gdb_->command("-break-insert -f " + mi_quote(location), deadline_));
  const auto* breakpoint = results.find("bkpt");
  if (breakpoint == nullptr) return fail(ErrorKind::protocol, "gdb set no breakpoint");
  numbers_.emplace_back(breakpoint->text("number"));
  take_breakpoint(*breakpoint);
  return {};
}

// GDB tells of each change of a breakpoint: that its place is known now, and that it was hit.
void BreakpointSession::take_notice(const MiAsync& notice) {
  if (notice.name != "breakpoint-modified" && notice.name != "breakpoint-created") return;
  if (const auto* breakpoint = notice.results.find("bkpt")) take_breakpoint(*breakpoint);
}

void BreakpointSession::take_breakpoint(const MiValue& breakpoint) {
  const auto found = std::ranges::find(numbers_, breakpoint.text("number"));
  if (found == numbers_.end()) return;
  auto& seen = seen_[static_cast<std::size_t>(found - numbers_.begin())];
  if (breakpoint.text("addr") != "<PENDING>") seen.has_place = true;
  seen.hits = std::max(seen.hits, number_in(breakpoint.text("times")));
}

Result<> BreakpointSession::go_on() {
  KOBOX_CHECK(gdb_->command("-exec-continue", deadline_));
  return {};
}

Result<> BreakpointSession::watch(std::function<bool()> should_end) {
  should_end_ = std::move(should_end);
  for (;;) {
    KOBOX_TRY(const auto stop, gdb_->wait_for_stop(deadline_, should_end_));
    if (!stop) return {};
    KOBOX_CHECK(serve(*stop));
    KOBOX_CHECK(go_on());
  }
}

Result<> BreakpointSession::serve(const MiTuple& stop) {
  KOBOX_CHECK(examine(stop));
  if (steppers_.empty()) return {};
  KOBOX_CHECK(step_through(std::string(stop.text("thread-id"))));
  steppers_.clear();
  return remove_step_breakpoints();
}

Result<> BreakpointSession::examine(const MiTuple& stop) {
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (seen_[i].hits == 0 || first_[i]) continue;
    first_[i] = true;
    const auto& spec = specs_[i];
    for (const auto& [expression, expected] : spec.expect) {
      KOBOX_TRY(auto value, evaluate(expression));
      seen_[i].values.push_back(std::move(value));
    }
    if (!spec.backtrace.empty()) {
      KOBOX_TRY(seen_[i].backtrace, backtrace());
    }
    if (spec.step.empty()) continue;
    const auto place = place_of(stop.find("frame"));
    seen_[i].path.push_back(place);
    if (count_passed(seen_[i].path, spec.step) == spec.step.size()) continue;
    KOBOX_CHECK(insert_step_breakpoints(spec, std::string(stop.text("thread-id"))));
    steppers_.push_back({i, place.function});
  }
  return {};
}

Result<BreakpointSeen::Value> BreakpointSession::evaluate(const std::string& expression) {
  auto results = gdb_->command("-data-evaluate-expression " + mi_quote(expression), deadline_);
  if (results)
    return BreakpointSeen::Value{.text = std::string(results->text("value")), .error = {}};
  if (results.error().kind() == ErrorKind::tool && !gdb_->ended())
    return BreakpointSeen::Value{.text = {}, .error = results.error().message()};
  return std::unexpected(results.error());
}

Result<std::vector<CodePlace>> BreakpointSession::backtrace() {
  KOBOX_TRY(const auto results,
            gdb_->command(fmt::format("-stack-list-frames 0 {}", k_max_frames - 1), deadline_));
  std::vector<CodePlace> frames;
  if (const auto* stack = results.find("stack"))
    for (const auto& frame : stack->items()) frames.push_back(place_of(&frame.value));
  return frames;
}

Result<> BreakpointSession::step_through(const std::string& thread) {
  KOBOX_TRY(const auto own_stack, stack());
  std::string command = "-exec-step";
  for (std::size_t steps = 0; !steppers_.empty(); ++steps) {
    if (steps == k_max_steps) {
      end_steppers(fmt::format("{} steps were over", k_max_steps));
      return {};
    }
    KOBOX_TRY(const auto stop, advance(command, thread));
    KOBOX_TRY(const auto stack_now, stop ? stack() : Result<std::string>(own_stack));
    if (!stop || stack_now != own_stack) {
      end_steppers(stop ? "another task came to a breakpoint" : "the test was over");
      return {};
    }
    const auto place = place_of(stop->find("frame"));
    std::vector<CodePlace> frames = {place};
    // In code without lines: a planted breakpoint, or the module's function has returned.
    if (place.line == 0) {
      KOBOX_TRY(frames, backtrace());
    }
    note_place(place, frames);
    command = place.line == 0 ? "-exec-finish" : "-exec-step";
  }
  return {};
}

Result<std::optional<MiTuple>> BreakpointSession::advance(const std::string& command,
                                                          const std::string& thread) {
  auto next = command;
  for (;;) {
    KOBOX_CHECK(gdb_->command(fmt::format("{} --thread {}", next, thread), deadline_));
    KOBOX_TRY(auto stop, gdb_->wait_for_stop(deadline_, should_end_));
    if (!stop) return std::nullopt;
    KOBOX_CHECK(examine(*stop));
    if (stop->text("thread-id") == thread) return stop;
    next = "-exec-step";  // another processor came to a breakpoint meanwhile
  }
}

void BreakpointSession::end_steppers(const std::string& why) {
  for (const auto& stepper : steppers_) seen_[stepper.index].path_end = why;
  steppers_.clear();
}

Result<std::string> BreakpointSession::stack() {
  KOBOX_TRY(auto value, evaluate(fmt::format("(unsigned long) $rsp / {}", k_stack_bytes)));
  return value.text;
}

void BreakpointSession::note_place(const CodePlace& place, const std::vector<CodePlace>& frames) {
  std::erase_if(steppers_, [&](const Stepper& stepper) {
    auto& seen = seen_[stepper.index];
    if (place.line == 0 && !contains_function(frames, stepper.function)) {
      seen.path_end = fmt::format("it returned to {}", place.function);
      return true;
    }
    seen.path.push_back(place);
    const auto& wanted = specs_[stepper.index].step;
    return count_passed(seen.path, wanted) == wanted.size();
  });
}

Result<> BreakpointSession::insert_step_breakpoints(const BreakpointSpec& spec,
                                                    const std::string& thread) {
  KOBOX_TRY(const auto own_stack, stack());
  const auto condition = fmt::format("(unsigned long) $rsp / {} == {}", k_stack_bytes, own_stack);
  for (const auto& function : spec.step) {
    if (function.find(':') != std::string::npos) continue;
    const auto inserted = gdb_->command(fmt::format("-break-insert -p {} -c {} {}", thread,
                                                    mi_quote(condition), mi_quote(function)),
                                        deadline_);
    if (!inserted && gdb_->ended()) return std::unexpected(inserted.error());
    const auto* breakpoint = inserted ? inserted->find("bkpt") : nullptr;
    if (breakpoint == nullptr) continue;  // a function that is only inlined, or that is not there
    auto number = std::string(breakpoint->text("number"));
    const bool has_lines =
        breakpoint->find("line") != nullptr || breakpoint->text("addr") == "<MULTIPLE>";
    if (!has_lines)
      step_breakpoints_.push_back(std::move(number));
    else
      KOBOX_CHECK(gdb_->command("-break-delete " + number, deadline_));
  }
  return {};
}

Result<> BreakpointSession::remove_step_breakpoints() {
  for (const auto& number : step_breakpoints_)
    KOBOX_CHECK(gdb_->command("-break-delete " + number, deadline_));
  step_breakpoints_.clear();
  return {};
}

}  // namespace kobox
