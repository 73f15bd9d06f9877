// SPDX-License-Identifier: GPL-2.0-or-later
// The reader against whole console logs. tests/data/consoles holds what real faulty modules made
// Debian's kernels print, recorded from the serial port and trimmed; its directory constructed what
// those kernels cannot print, written by hand from the kernel's sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "base/text.h"
#include "verdict/kernel_report.h"
#include "verdict/log_prefix.h"

namespace kobox {

// For EXPECT_EQ: what two ways of reading must agree on.
bool operator==(const KernelReport& a, const KernelReport& b) {
  return a.kind == b.kind && a.title == b.title && a.rip == b.rip && a.trace == b.trace &&
         a.lines == b.lines && a.complete == b.complete;
}

void PrintTo(const KernelReport& report, std::ostream* out) {
  *out << to_string(report.kind) << " '" << report.title << "' of " << report.lines.size()
       << " lines";
}

namespace {

namespace fs = std::filesystem;
using enum FailureKind;

const fs::path k_consoles = fs::path(KOBOX_SOURCE_DIR) / "tests/data/consoles";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<KernelReport> reports_of(std::string_view text) {
  ReportReader reader;
  reader.feed(text);
  reader.finish();
  return reader.reports();
}

std::vector<fs::path> all_consoles() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(k_consoles))
    if (entry.path().extension() == ".log") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

struct Expected {
  FailureKind kind;
  std::string title;     // its start
  std::string function;  // innermost of the module; "" for none
  std::string rip;       // function
};

struct Case {
  std::string file;
  std::string module;
  std::vector<Expected> reports;
};

constexpr const char* k_null = "BUG: kernel NULL pointer dereference, address: 0000000000000000";

const Case k_recorded[] = {
    {"debug_word-6.1-cloud", "faulty_debug_word", {}},
    {"debug_word-6.12-cloud", "faulty_debug_word", {}},
    {"kfence-6.12-cloud",
     "faulty_kfence",
     {{sanitizer, "BUG: KFENCE: use-after-free read in faulty_kfence_read+", "faulty_kfence_read",
       "faulty_kfence_read"}}},
    {"late-6.1-cloud", "faulty_late", {{oops, k_null, "faulty_late_work", "faulty_late_work"}}},
    {"late-6.12-cloud", "faulty_late", {{oops, k_null, "faulty_late_work", "faulty_late_work"}}},
    {"load_symbol-6.12-cloud", "faulty_load_symbol", {}},
    {"lockup-6.1-cloud",
     "faulty_lockup",
     {{lockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 6s! [sh:87]", "faulty_lockup_spin",
       "faulty_lockup_spin"},
      {lockup, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "faulty_lockup_spin",
       "faulty_lockup_spin"},
      {lockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 25s! [sh:87]", "faulty_lockup_spin",
       "faulty_lockup_spin"}}},
    {"lockup-6.12-cloud",
     "faulty_lockup",
     {{lockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 5s! [sh:136]", "faulty_lockup_spin",
       "faulty_lockup_spin"},
      {lockup, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "faulty_lockup_spin",
       "faulty_lockup_spin"},
      {lockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 25s! [sh:136]", "faulty_lockup_spin",
       "faulty_lockup_spin"}}},
    {"lockup_task-6.1-cloud",
     "faulty_lockup_task",
     {{lockup, "INFO: task sh:87 blocked for more than 3 seconds.", "device_write", ""},
      {lockup, "INFO: task sh:87 blocked for more than 4 seconds.", "device_write", ""}}},
    {"lockup_task-6.12-cloud",
     "faulty_lockup_task",
     {{lockup, "INFO: task sh:140 blocked for more than 3 seconds.", "device_write", ""},
      {lockup, "INFO: task sh:140 blocked for more than 4 seconds.", "device_write", ""}}},
    {"oops-6.1-cloud", "faulty_oops", {{oops, k_null, "faulty_oops_store", "faulty_oops_store"}}},
    {"oops-6.12-cloud", "faulty_oops", {{oops, k_null, "faulty_oops_store", "faulty_oops_store"}}},
    {"oops_bug-6.1-cloud",
     "faulty_oops_kinds",
     {{oops, "kernel BUG at ", "faulty_oops_kinds_fault", "faulty_oops_kinds_fault"}}},
    {"oops_bug-6.12-cloud",
     "faulty_oops_kinds",
     {{oops, "kernel BUG at ", "faulty_oops_kinds_fault", "faulty_oops_kinds_fault"}}},
    {"oops_divide-6.1-cloud",
     "faulty_oops_kinds",
     {{oops, "divide error: 0000 [#1]", "faulty_oops_kinds_fault", "faulty_oops_kinds_fault"}}},
    {"oops_divide-6.12-cloud",
     "faulty_oops_kinds",
     {{oops, "Oops: divide error: 0000 [#1]", "faulty_oops_kinds_fault",
       "faulty_oops_kinds_fault"}}},
    {"oops_exit-6.1-cloud",
     "faulty_oops_exit",
     {{oops, k_null, "faulty_oops_exit_exit", "faulty_oops_exit_exit"}}},
    {"oops_gpf-6.1-cloud",
     "faulty_oops_kinds",
     {{oops, "general protection fault, probably for non-canonical address 0xdead",
       "faulty_oops_kinds_fault", "faulty_oops_kinds_fault"}}},
    {"oops_gpf-6.12-cloud",
     "faulty_oops_kinds",
     {{oops, "Oops: general protection fault, probably for non-canonical address 0xdead",
       "faulty_oops_kinds_fault", "faulty_oops_kinds_fault"}}},
    {"oops_init-6.12-cloud",
     "faulty_oops_init",
     {{oops, k_null, "faulty_oops_init_init", "faulty_oops_init_init"}}},
    {"oops_inline-6.1-cloud",
     "faulty_oops_inline",
     {{oops, k_null, "faulty_oops_inline_store", "faulty_oops_inline_store"}}},
    // These end in "Kernel panic - not syncing: Fatal exception in interrupt".
    {"oops_interrupt-6.1-cloud",
     "faulty_oops_interrupt",
     {{oops, k_null, "faulty_oops_interrupt_tick", "faulty_oops_interrupt_tick"}}},
    {"oops_interrupt-6.12-cloud",
     "faulty_oops_interrupt",
     {{oops, k_null, "faulty_oops_interrupt_tick", "faulty_oops_interrupt_tick"}}},
    {"oops_list-6.1-cloud",
     "faulty_oops_list",
     {{oops, "list_add double add: new=", "faulty_oops_list_add", "__list_add_valid.cold"}}},
    {"oops_list-6.12-cloud",
     "faulty_oops_list",
     {{oops, "list_add double add: new=", "faulty_oops_list_add", "__list_add_valid_or_report"}}},
    {"oops_null_call-6.1-cloud", "faulty_oops_kinds", {{oops, k_null, "device_write", ""}}},
    {"oops_null_call-6.12-cloud", "faulty_oops_kinds", {{oops, k_null, "device_write", ""}}},
    {"panic-6.1-cloud",
     "faulty_panic",
     {{panic, "Kernel panic - not syncing: faulty_panic: on purpose", "faulty_panic_now", ""}}},
    {"panic-6.12-cloud",
     "faulty_panic",
     {{panic, "Kernel panic - not syncing: faulty_panic: on purpose", "faulty_panic_now", ""}}},
    {"panic_reset-6.1-cloud", "faulty_panic_reset", {}},
    {"sanitizer-6.1-cloud",
     "faulty_sanitizer",
     {{sanitizer, "BUG: scheduling while atomic: sh/87/0x00000002", "faulty_sanitizer_sleep", ""},
      {sanitizer, "BUG: scheduling while atomic: sh/87/0x00000000", "", ""}}},
    {"sanitizer-6.12-cloud",
     "faulty_sanitizer",
     {{sanitizer, "BUG: scheduling while atomic: sh/137/0x00000002", "faulty_sanitizer_sleep", ""},
      {sanitizer, "BUG: scheduling while atomic: sh/137/0x00000000", "", ""}}},
    {"warning-6.1-cloud",
     "faulty_warning",
     {{warning, "WARNING: CPU: 0 PID: 87 at ", "faulty_warning_check", "faulty_warning_check"}}},
    {"warning-6.12-cloud",
     "faulty_warning",
     {{warning, "WARNING: CPU: 0 PID: 141 at ", "faulty_warning_check", "faulty_warning_check"}}},
    {"warning_refcount-6.1-cloud",
     "faulty_warning_refcount",
     {{warning, "refcount_t: decrement hit 0; leaking memory.", "device_write",
       "refcount_warn_saturate"}}},
    {"warning_refcount-6.12-cloud",
     "faulty_warning_refcount",
     {{warning, "refcount_t: decrement hit 0; leaking memory.", "device_write",
       "refcount_warn_saturate"}}},
};

const Case k_constructed[] = {
    {"kasan",
     "mymod",
     {{sanitizer, "BUG: KASAN: slab-out-of-bounds in mymod_write+", "mymod_write", "mymod_write"}}},
    {"kfence",
     "mymod",
     {{sanitizer, "BUG: KFENCE: use-after-free read in", "mymod_read", "mymod_read"}}},
    {"kcsan",
     "mymod",
     {{sanitizer, "BUG: KCSAN: data-race in mymod_read / mymod_write", "mymod_write", ""}}},
    {"ubsan-6.1",
     "mymod",
     {{sanitizer, "UBSAN: array-index-out-of-bounds in /m/mymod.c:12:3", "mymod_write", ""}}},
    {"ubsan-6.12",
     "mymod",
     {{sanitizer, "UBSAN: shift-out-of-bounds in /m/mymod.c:12:3", "mymod_write", ""}}},
    {"lockdep-circular",
     "mymod",
     {{sanitizer, "WARNING: possible circular locking dependency", "mymod_write", ""}}},
    {"lockdep-rcu",
     "mymod",
     {{sanitizer, "WARNING: suspicious RCU usage", "mymod_write", ""},
      {sanitizer, "WARNING: suspicious RCU usage", "mymod_read", ""}}},
    {"sleeping-in-atomic",
     "mymod",
     {{sanitizer, "BUG: sleeping function called from invalid context", "mymod_write", ""}}},
    {"scheduling-while-atomic",
     "mymod",
     {{sanitizer, "BUG: scheduling while atomic: sh/88", "mymod_write", ""}}},
    {"soft-lockup",
     "mymod",
     {{lockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", "mymod_write", "mymod_write"},
      {lockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 48s!", "mymod_write", "mymod_write"}}},
    {"hard-lockup",
     "mymod",
     {{lockup, "watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3", "mymod_write",
       "mymod_write"},
      {lockup, "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1", "mymod_read",
       "mymod_read"}}},
    {"hung-task",
     "mymod",
     {{lockup, "INFO: task sh:88 blocked for more than 120 seconds.", "mymod_write", ""},
      {lockup, "INFO: task sh:89 blocked for more than 120 seconds.", "mymod_read", ""}}},
    {"rcu-stall",
     "mymod",
     {{lockup, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "mymod_write",
       "mymod_write"},
      {lockup, "rcu: INFO: rcu_preempt self-detected stall on CPU", "mymod_read", "mymod_read"},
      {lockup, "rcu: INFO: rcu_preempt detected expedited stalls", "", ""}}},
    {"refcount-warning",
     "mymod",
     {{warning, "refcount_t: underflow; use-after-free.", "mymod_write",
       "refcount_warn_saturate"}}},
    {"warning-6.19",
     "mymod",
     {{warning, "WARNING: mymod.c:33 at mymod_write+0x2a/0x80 [mymod]", "mymod_write",
       "mymod_write"}}},
    {"list-corruption",
     "mymod",
     {{oops, "list_add corruption. prev->next should be next", "mymod_write",
       "__list_add_valid.cold"}}},
    {"nx", "mymod", {{oops, "kernel tried to execute NX-protected page", "mymod_write", ""}}},
    {"gpf-6.12",
     "mymod",
     {{oops, "Oops: general protection fault, probably for non-canonical", "mymod_write",
       "mymod_write"}}},
    {"double-fault",
     "mymod",
     {{oops, "traps: PANIC: double fault", "mymod_recurse", "mymod_recurse"}}},
    {"stack-protector",
     "mymod",
     {{panic, "Kernel panic - not syncing: stack-protector:", "mymod_write", "mymod_write"}}},
    {"slub", "mymod", {{sanitizer, "BUG kmalloc-64 (Tainted: G", "mymod_write", ""}}},
    {"one-liners",
     "mymod",
     {{sanitizer, "kmemleak: 3 new suspected memory leaks", "", ""},
      {warning, "BUG: Bad rss-counter state", "", ""},
      {warning, "unregister_netdevice: waiting for mynet0", "", ""}}},
    {"sysfs-duplicate",
     "mymod",
     {{warning, "sysfs: cannot create duplicate filename '/class/mymod'", "mymod_init", ""}}},
    {"unknown-bug", "mymod", {{warning, "BUG: Dentry 00000000a1b2c3d4", "mymod_kill_sb", ""}}},
    {"warning-then-oops",
     "mymod",
     {{warning, "WARNING: CPU: 0 PID: 88 at /m/mymod.c:33", "mymod_write", "mymod_write"},
      {oops, "divide error: 0000 [#1]", "mymod_divide", "mymod_divide"}}},
};

void check(const fs::path& path, const Case& expected) {
  SCOPED_TRACE(path);
  const auto reports = reports_of(read(path));
  ASSERT_EQ(reports.size(), expected.reports.size()) << testing::PrintToString(reports);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& want = expected.reports[i];
    EXPECT_EQ(to_string(reports[i].kind), to_string(want.kind));
    EXPECT_THAT(reports[i].title, testing::StartsWith(want.title));
    const auto frame = reports[i].innermost_frame(std::vector<std::string>{expected.module});
    EXPECT_EQ(frame ? frame->function : "", want.function) << reports[i].title;
    EXPECT_EQ(reports[i].rip ? reports[i].rip->function : "", want.rip) << reports[i].title;
  }
}

TEST(Consoles, ReadsConstructedOnes) {
  for (const auto& expected : k_constructed)
    check(k_consoles / "constructed" / (expected.file + ".log"), expected);
}

TEST(Consoles, ReadsRecordedOnes) {
  for (const auto& expected : k_recorded) check(k_consoles / (expected.file + ".log"), expected);
}

TEST(Consoles, RecordedReportsAreComplete) {
  for (const auto& expected : k_recorded)
    for (const auto& report : reports_of(read(k_consoles / (expected.file + ".log"))))
      EXPECT_TRUE(report.complete) << expected.file;
}

TEST(Consoles, NoneIsForgotten) {
  EXPECT_EQ(all_consoles().size(), std::size(k_recorded) + std::size(k_constructed));
}

TEST(Consoles, KmsgSaysTheSame) {
  for (const auto& path : all_consoles()) {
    auto text = read(path);
    const auto expected = reports_of(text);
    std::erase(text, '\r');
    ReportReader reader;
    for (const auto line : lines_of(text)) {
      const auto entry = read_log_prefix(line);
      if (entry.timed) reader.feed_line(entry.text);
    }
    reader.finish();
    EXPECT_EQ(reader.reports(), expected) << path;
  }
}

TEST(Consoles, AnySplitReadsTheSame) {
  for (const auto& path : all_consoles()) {
    const auto text = read(path);
    const auto whole = reports_of(text);
    for (const std::size_t size : {1U, 2U, 3U, 7U, 64U, 4096U}) {
      ReportReader reader;
      for (std::size_t at = 0; at < text.size(); at += size)
        reader.feed(std::string_view(text).substr(at, size));
      reader.finish();
      EXPECT_EQ(reader.reports(), whole) << path << " in pieces of " << size;
    }
  }
}

TEST(Consoles, SurvivesAnyBytes) {
  std::mt19937 random(1);  // NOLINT: the same bytes each time
  std::vector<std::string> texts;
  for (const auto& path : all_consoles()) texts.push_back(read(path));
  for (int i = 0; i < 2000; ++i) {
    // Lines of all logs in any order, with some bytes changed.
    std::string text;
    for (int piece = 0; piece < 6; ++piece) {
      const auto& from = texts[random() % texts.size()];
      const auto start = random() % from.size();
      text += from.substr(start, random() % 700);
    }
    for (int change = 0; change < 10; ++change)
      text[random() % text.size()] = static_cast<char>(random());
    for (const auto& report : reports_of(text)) EXPECT_FALSE(report.title.empty());
  }
}

}  // namespace
}  // namespace kobox
