// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict/report_patterns.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>

#include "base/text.h"
#include "verdict/trace_line.h"

namespace kobox {
namespace {

using enum FailureKind;
using enum ReportEnd;

struct Pattern {
  std::string_view start;
  std::string_view inside;  // must follow somewhere, "" for nothing
  Headline headline;
};

// The first that matches counts.
constexpr auto k_headlines = std::to_array<Pattern>({
    // arch/x86/mm/fault.c, show_fault_oops; the second form until 5.1
    {"BUG: kernel NULL pointer dereference", "", {oops, marker}},
    {"BUG: unable to handle ", "", {oops, marker}},
    // arch/x86/kernel/traps.c, handle_stack_overflow ("BUG: TASK stack guard page was hit")
    {"BUG: ", "stack guard page was hit", {oops, marker}},
    // arch/x86/kernel/traps.c, exc_double_fault
    {"PANIC: double fault", "", {oops, marker}},
    // lib/bug.c, __report_bug
    {"kernel BUG at ", "", {oops, marker}},
    // arch/x86/kernel/dumpstack.c, __die_header; the names are from arch/x86/kernel/traps.c,
    // by 6.12 all after "Oops: "
    {"Oops: ", " [#", {oops, marker}},
    {"general protection fault", " [#", {oops, marker}},
    {"divide error: ", " [#", {oops, marker}},
    {"invalid opcode: ", " [#", {oops, marker}},
    {"stack segment: ", " [#", {oops, marker}},
    {"segment not present: ", " [#", {oops, marker}},
    {"invalid TSS: ", " [#", {oops, marker}},
    {"double fault: ", " [#", {oops, marker}},
    {"stack guard page: ", " [#", {oops, marker}},
    {"kernel stack overflow ", " [#", {oops, marker}},
    {"control protection fault: ", " [#", {oops, marker}},
    {"alignment check: ", " [#", {oops, marker}},
    {"bounds: ", " [#", {oops, marker}},
    {"int3: ", " [#", {oops, marker}},
    {"simd exception: ", " [#", {oops, marker}},

    // kernel/panic.c, vpanic
    {"Kernel panic - not syncing", "", {panic, trace}},

    // mm/kasan/report.c, print_error_description; mm/kmsan/report.c; mm/kfence/report.c;
    // kernel/kcsan/report.c; lib/ubsan.c, ubsan_prologue
    {"BUG: KASAN: ", "", {sanitizer, separator}},
    {"BUG: KMSAN: ", "", {sanitizer, separator, true}},
    {"BUG: KFENCE: ", "", {sanitizer, separator, true}},
    {"BUG: KCSAN: ", "", {sanitizer, separator, true}},
    {"UBSAN: ", " in ", {sanitizer, separator}},
    // kernel/locking/lockdep.c; "INFO: " until 4.14 or so, in brackets
    {"WARNING: possible ", "detected", {sanitizer, trace}},
    {"INFO: possible ", "detected", {sanitizer, trace}},
    {"WARNING: ", "-safe -> ", {sanitizer, trace}},
    {"WARNING: inconsistent lock state", "", {sanitizer, trace}},
    {"INFO: inconsistent lock state", "", {sanitizer, trace}},
    {"WARNING: bad unlock balance detected", "", {sanitizer, trace}},
    {"BUG: bad unlock balance detected", "", {sanitizer, trace}},
    {"WARNING: bad contention detected", "", {sanitizer, trace}},
    {"WARNING: held lock freed", "", {sanitizer, trace}},
    {"BUG: held lock freed", "", {sanitizer, trace}},
    {"WARNING: Nested lock was not taken", "", {sanitizer, trace}},
    {"WARNING: lock held when returning to user space", "", {sanitizer, trace}},
    {"WARNING: ", "still has locks held", {sanitizer, trace}},
    {"BUG: Invalid wait context", "", {sanitizer, trace}},
    {"INFO: trying to register non-static key", "", {sanitizer, trace}},
    {"WARNING: suspicious RCU usage", "", {sanitizer, trace}},
    {"INFO: suspicious RCU usage", "", {sanitizer, trace}},
    // kernel/locking/spinlock_debug.c, spin_dump and __spin_lock_debug
    {"BUG: spinlock lockup suspected", "", {lockup, trace}},
    {"BUG: spinlock ", " on CPU#", {sanitizer, trace}},
    {"BUG: rwlock", " on CPU#", {sanitizer, trace}},
    // kernel/sched/core.c, __schedule_bug and __might_resched
    {"BUG: scheduling while atomic: ", "", {sanitizer, trace}},
    {"BUG: sleeping function called from invalid context", "", {sanitizer, trace}},
    // lib/smp_processor_id.c
    {"BUG: using ", " in preemptible", {sanitizer, trace}},
    // kernel/workqueue.c, process_one_work ("leaked lock or atomic", "leaked atomic, lock or RCU")
    {"BUG: workqueue leaked ", "", {sanitizer, trace}},
    // mm/kmemleak.c, kmemleak_scan
    {"kmemleak: ", " new suspected memory leaks", {sanitizer, line}},
    // mm/slub.c, slab_bug: "BUG kmalloc-64 (Tainted: G  OE): Redzone overwritten"
    {"BUG ", "ainted", {sanitizer, trace}},

    // kernel/panic.c, __warn; the second form is that of the latest kernels
    {"WARNING: CPU: ", " at ", {warning, marker}},
    {"WARNING: ", ", CPU#", {warning, marker}},
    // mm/page_alloc.c, bad_page; mm/memory.c, print_bad_pte; kernel/fork.c, check_mm
    {"BUG: Bad page ", "", {warning, trace}},
    {"BUG: Bad rss-counter state", "", {warning, line}},
    {"BUG: non-zero pgtables_bytes on freeing mm", "", {warning, line}},
    // fs/sysfs/dir.c, sysfs_warn_dup; lib/kobject.c, kobject_add_internal
    {"sysfs: cannot create duplicate filename", "", {warning, trace}},
    {"kobject: kobject_add_internal failed for ", "", {warning, line}},
    {"kobject_add_internal failed for ", "", {warning, line}},
    // net/core/dev.c, netdev_wait_allrefs_any
    {"unregister_netdevice: waiting for ", " to become free", {warning, line}},

    // kernel/watchdog.c, watchdog_timer_fn and watchdog_hardlockup_check
    {"BUG: soft lockup - CPU#", "", {lockup, trace}},
    {"Watchdog detected hard LOCKUP on cpu", "", {lockup, trace}},
    // kernel/hung_task.c, check_hung_task
    {"INFO: task ", " blocked for more than ", {lockup, trace}},
    {"INFO: task ", " blocked in I/O wait for more than ", {lockup, trace}},
    // kernel/rcu/tree_stall.h, print_cpu_stall and print_other_cpu_stall; kernel/rcu/tree_exp.h;
    // kernel/rcu/tasks.h, check_all_holdout_tasks
    {"INFO: rcu", "stall", {lockup, trace}},
    // kernel/workqueue.c, wq_watchdog_timer_fn
    {"BUG: workqueue lockup - pool", "", {lockup, line}},
});

// pr_fmt of kernel/watchdog.c, kernel/rcu/tree_stall.h, arch/x86/kernel/traps.c, and the frame of
// older lockdep headlines ("[ INFO: possible recursive locking detected ]").
constexpr auto k_prefixes =
    std::to_array<std::string_view>({"NMI watchdog: ", "watchdog: ", "rcu: ", "traps: ", "[ "});

std::string_view without_prefixes(std::string_view line) {
  for (const auto prefix : k_prefixes) {
    if (!line.starts_with(prefix)) continue;
    line.remove_prefix(prefix.size());
    break;
  }
  // kernel/watchdog.c of some kernels says which CPU noticed: "watchdog: CPU3: Watchdog detected".
  constexpr std::string_view k_cpu = "CPU";
  if (!line.starts_with(k_cpu)) return line;
  const auto digits = line.find_first_not_of("0123456789", k_cpu.size());
  if (digits == std::string_view::npos || digits == k_cpu.size()) return line;
  return line.substr(digits).starts_with(": ") ? line.substr(digits + 2) : line;
}

bool starts_with_any(std::string_view line, std::span<const std::string_view> starts) {
  return std::ranges::any_of(starts, [&](auto start) { return line.starts_with(start); });
}

// "RAX: 0000000000000000 RBX: …", "CR2: …", "FS:  …": a register's name and its value.
bool is_register_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon < 2 || colon > 8) return false;
  const auto value = line.find_first_not_of(' ', colon + 1);
  if (value == std::string_view::npos || value == colon + 1) return false;
  const bool name = std::ranges::all_of(line.substr(0, colon), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  return name && std::string_view("0123456789abcdef").contains(line[value]);
}

}  // namespace

std::optional<Headline> match_headline(std::string_view whole) {
  const auto line = without_prefixes(whole);
  for (const auto& pattern : k_headlines) {
    if (!line.starts_with(pattern.start)) continue;
    if (line.find(pattern.inside, pattern.start.size()) != std::string_view::npos)
      return pattern.headline;
  }
  return {};
}

std::optional<Headline> match_unproven_headline(std::string_view line) {
  if (line.starts_with("BUG: ") || line.starts_with("WARNING: ")) return Headline{warning, trace};
  return {};
}

std::optional<Headline> match_cut_here_headline(std::string_view line) {
  if (line.starts_with("WARNING: ")) return Headline{warning, marker};
  return {};
}

bool is_telling_prelude(std::string_view whole) {
  // mm/usercopy.c, usercopy_abort; lib/string_helpers.c, fortify_panic; kernel/cfi.c,
  // report_cfi_failure; arch/x86/kernel/traps.c, exc_control_protection; arch/x86/mm/fault.c,
  // show_fault_oops; lib/list_debug.c below
  constexpr auto k_preludes = std::to_array<std::string_view>(
      {"usercopy: Kernel memory ", "detected buffer overflow in ", "CFI failure at ",
       "Missing ENDBR: ", "kernel tried to execute NX-protected page",
       "unable to execute userspace code"});
  const auto line = without_prefixes(whole);
  if (line.starts_with("list_")) return line.contains("corruption") || line.contains("double add");
  return starts_with_any(line, k_preludes);
}

bool is_cut_here(std::string_view line) {
  return line.starts_with("------------[ cut here ]------------");  // include/asm-generic/bug.h
}

bool is_separator(std::string_view line) {
  line = trim(line);
  // The shortest is lockdep's, as long as its headline: "====" of 29.
  return line.size() >= 20 && line.find_first_not_of('=') == std::string_view::npos;
}

bool is_die_line(std::string_view line) {
  const auto number = line.find(" [#");
  return number != std::string_view::npos && number + 3 < line.size() && line[number + 3] >= '0' &&
         line[number + 3] <= '9' && match_headline(line).has_value();
}

bool is_panic(std::string_view line) { return line.starts_with("Kernel panic - not syncing"); }

bool is_consequence(std::string_view panic_line, FailureKind of) {
  const auto any = [&](std::initializer_list<std::string_view> parts) {
    return std::ranges::any_of(parts, [&](auto part) { return panic_line.contains(part); });
  };
  switch (of) {
    case oops:  // kernel/exit.c, make_task_dead; arch/x86/kernel/dumpstack.c, oops_end; traps.c
      return any({"Fatal exception", "Aiee, killing interrupt handler", "Attempted to kill",
                  "Machine halted", "ops too often", "oopsed too often"});
    case warning:
    case sanitizer:  // kernel/panic.c, check_panic_on_warn; mm/kasan/report.c; kernel/panic.c
      return any({"panic_on_warn", "warned too often", "kasan.fault", "panic_on_taint"});
    case lockup:  // kernel/watchdog.c, kernel/hung_task.c, kernel/rcu/tree_stall.h
      return any({"softlockup: hung tasks", "hung_task: blocked tasks", "ard LOCKUP", "hard lockup",
                  "RCU Stall"});
    default:
      return false;
  }
}

bool is_end_trace(std::string_view line) { return line.starts_with("---[ end trace"); }

bool is_end_panic(std::string_view line) { return line.starts_with("---[ end Kernel panic"); }

bool is_trace_start(std::string_view line) {
  return line.starts_with("Call Trace:") || line.starts_with("Call trace:");
}

bool is_bystander(std::string_view line) {
  // kernel/rcu/tree_stall.h, rcu_check_gp_kthread_starvation
  return line.starts_with("rcu: RCU grace-period kthread stack dump");
}

bool is_dump_start(std::string_view line) {
  // kernel/module/main.c, print_modules; kernel/printk/printk.c, dump_stack_print_info
  return is_trace_start(line) || line.starts_with("Modules linked in:") ||
         (line.starts_with("CPU: ") && (line.contains(" PID: ") || line.contains(" Comm: ")));
}

bool is_familiar(std::string_view line) {
  // arch/x86/kernel/process_64.c, dumpstack.c and mm/fault.c; lib/nmi_backtrace.c;
  // kernel/sched/core.c; kernel/locking/lockdep.c; kernel/rcu; mm/slub.c; mm/debug.c
  constexpr auto k_starts = std::to_array<std::string_view>({"#PF: ",
                                                             "Allocated by",
                                                             "Bytes b4",
                                                             "Call Trace:",
                                                             "Code: ",
                                                             "FIX ",
                                                             "Freed by",
                                                             "Hardware name:",
                                                             "INFO: lockdep",
                                                             "INFO: NMI",
                                                             "Kernel Offset:",
                                                             "Modules linked in:",
                                                             "NMI backtrace",
                                                             "Object ",
                                                             "Padding ",
                                                             "PGD ",
                                                             "Preemption dis",
                                                             "RCU nest",
                                                             "Redzone ",
                                                             "RIP: ",
                                                             "Rebooting in ",
                                                             "Sending NMI",
                                                             "Slab ",
                                                             "Tainted: ",
                                                             "The buggy ",
                                                             "UID: ",
                                                             "Unable to access",
                                                             "Workqueue: ",
                                                             "\"echo 0 > /p",
                                                             "and this task",
                                                             "but task is",
                                                             "but there are",
                                                             "flags: ",
                                                             "hardirqs last",
                                                             "in_atomic(): ",
                                                             "irq event stamp",
                                                             "last function:",
                                                             "locks held by",
                                                             "kobject: kobject_",
                                                             "kobject_add_inter",
                                                             "other info",
                                                             "page dumped",
                                                             "page: ",
                                                             "preempt_count: ",
                                                             "raw: ",
                                                             "rcu: ",
                                                             "softirqs last",
                                                             "stack backtrace:",
                                                             "task:",
                                                             "the existing",
                                                             "to a ",
                                                             "which lock already",
                                                             "---",
                                                             "Dumping ",
                                                             "Stack:",
                                                             "Call trace:",
                                                             "Shutting down",
                                                             "Kernel panic"});
  if (line.empty() || line.front() == ' ' || line.front() == '\t' || line.front() == '#')
    return true;
  return starts_with_any(line, k_starts) || is_dump_start(line) || is_register_line(line) ||
         is_separator(line) || parse_trace_line(line).has_value();
}

}  // namespace kobox
