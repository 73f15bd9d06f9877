// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/kvm_reader.h"

namespace kobox {
namespace {

// More than any kernel has: what a guest says is bounded.
constexpr std::size_t k_max_depth = 256;
constexpr std::size_t k_max_tasks = 65536;

}  // namespace

GuestActivity::GuestActivity(const std::vector<EventFormat>& formats,
                             std::function<bool(std::uint64_t)> in_module, TraceSink sink)
    : in_module_(std::move(in_module)), sink_(std::move(sink)) {
  std::map<std::string, unsigned> pairs;
  for (const auto& format : formats) add_format(format, pairs);
}

void GuestActivity::add_format(const EventFormat& format, std::map<std::string, unsigned>& pairs) {
  Event event;
  if (format.name == "funcgraph_entry") {
    event = {.kind = Kind::entry, .function = format.field("func")};
  } else if (format.name == "funcgraph_exit") {
    event = {.kind = Kind::exit, .function = format.field("func")};
  } else if (format.name == "sched_switch") {
    event = {.kind = Kind::schedule, .next_pid = format.field("next_pid")};
  } else {
    // local_timer_entry and local_timer_exit, softirq_entry and softirq_exit, …
    const auto end = format.name.rfind('_');
    const auto word = end == std::string::npos ? "" : format.name.substr(end);
    if (word != "_entry" && word != "_exit") return;
    const auto number = static_cast<unsigned>(pairs.size() + 1);
    event = {.kind = word == "_entry" ? Kind::interrupt : Kind::end_of_interrupt,
             .pair = pairs.try_emplace(format.name.substr(0, end), number).first->second};
  }
  events_[format.id] = event;
}

void GuestActivity::take(unsigned cpu, std::uint64_t ns, std::string_view record) {
  const auto found = events_.find(event_id(record));
  if (found == events_.end()) return;
  const auto& event = found->second;
  // Each CPU has an idle task of its own, and all of them are 0.
  const auto task_of = [&](std::uint64_t pid) {
    return pid != 0 ? pid : (std::uint64_t{1} << 32) + cpu;
  };
  auto& task = cpus_[cpu].task;
  task = task_of(event.kind == Kind::schedule ? event.next_pid.of(record) : event_pid(record));
  if (event.kind == Kind::schedule) return;
  if (stacks_.size() >= k_max_tasks) stacks_.clear();
  auto& stack = stacks_[task];
  switch (event.kind) {
    case Kind::entry:
      enter(stack, cpu, ns, event.function.of(record));
      break;
    case Kind::exit:
      leave(stack, cpu, ns, event.function.of(record));
      break;
    case Kind::interrupt:
      if (stack.size() < k_max_depth) stack.push_back({.pair = event.pair});
      break;
    case Kind::end_of_interrupt:
      end_interrupt(stack, cpu, ns, event.pair);
      break;
    case Kind::schedule:
      break;
  }
  if (stack.empty()) stacks_.erase(task);
}

void GuestActivity::enter(Stack& stack, unsigned cpu, std::uint64_t ns, std::uint64_t function) {
  if (stack.size() >= k_max_depth || function == 0) return;
  Frame frame{.function = function};
  if (in_module_(function)) {
    frame.call = ++last_call_;
    std::uint64_t parent = 0;
    for (auto it = stack.rbegin(); it != stack.rend() && it->function != 0 && parent == 0; ++it)
      parent = it->call;
    sink_.call({.id = frame.call, .parent = parent, .function = function, .cpu = cpu, .ns = ns});
  }
  stack.push_back(frame);
}

void GuestActivity::drop(Stack& stack, std::size_t keep, unsigned cpu, std::uint64_t ns) {
  while (stack.size() > keep) {
    if (stack.back().call != 0) sink_.end({.id = stack.back().call, .cpu = cpu, .ns = ns});
    stack.pop_back();
  }
}

void GuestActivity::leave(Stack& stack, unsigned cpu, std::uint64_t ns, std::uint64_t function) {
  // An interrupt that is open stands before what it interrupted.
  for (auto behind = stack.size(); behind > 0; --behind) {
    const auto& frame = stack[behind - 1];
    if (frame.function == 0) return;
    if (frame.function == function) return drop(stack, behind - 1, cpu, ns);
  }
}

void GuestActivity::end_interrupt(Stack& stack, unsigned cpu, std::uint64_t ns, unsigned pair) {
  for (auto behind = stack.size(); behind > 0; --behind)
    if (stack[behind - 1].function == 0 && stack[behind - 1].pair == pair)
      return drop(stack, behind - 1, cpu, ns);
}

GuestActivity::Active GuestActivity::active(unsigned cpu) const {
  const auto task = cpus_.find(cpu);
  if (task == cpus_.end()) return {};
  const auto found = stacks_.find(task->second.task);
  if (found == stacks_.end()) return {};
  const auto& stack = found->second;
  std::uint64_t via = 0;
  for (auto it = stack.rbegin(); it != stack.rend() && it->function != 0; ++it) {
    if (it->call != 0) return {.call = it->call, .via = via};
    via = it->function;
  }
  return {};
}

}  // namespace kobox
