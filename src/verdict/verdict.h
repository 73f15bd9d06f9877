// SPDX-License-Identifier: GPL-2.0-or-later
// The value model of results: what `kobox test` found out, in the terms of kobox.report/1.
//
// The lists of verdicts and kinds are closed: other people's scripts rely on them
// (docs/report.md). They change only with a new schema number.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kobox {

enum class Verdict {
  pass,
  fail,
  skip,
  error,  // could not be judged, and not the module's fault
};

// Names, verdicts and precedence are one table in verdict.cc: a new kind gets its row there.
enum class FailureKind {
  environment,  // the host's fault: no QEMU, no space, a QEMU that was killed
  lost,         // the machine or its agent vanished with no report from the kernel
  boot,         // the machine never reached its agent
  assertion,    // the test's own expectation was not met
  hang,         // the test did not end in its time and the kernel said nothing
  leak,         // something of the module's was left after the test or the unload
  unload,       // the module could not be removed
  load,         // the kernel refused the module, or its init returned an error
  build,        // the module did not compile or link
  panic,        // the machine panicked, reset or died
  lockup,       // soft or hard lockup, hung task, RCU stall
  warning,      // WARN_ON and other "cut here" reports, bad reference counts, list corruption
  sanitizer,    // KASAN, KFENCE, UBSAN, KCSAN, lockdep, sleeping in atomic context, kmemleak
  oops,         // page fault, general protection, BUG(), divide error, invalid opcode
};

std::string_view to_string(Verdict verdict);
std::string_view to_string(FailureKind kind);
// All of them, the least telling first: of several failures the last listed wins (a page fault that
// also hangs the test is an oops).
std::span<const FailureKind> failure_kinds();
// The verdict that a failure of this kind means, for a test and for a run: error where it is not
// the module's fault. There is no other way from a failure to a verdict.
Verdict verdict_of(FailureKind kind);

// A declaration as a kernel's headers have it.
struct Declaration {
  std::string kernel;  // the release
  std::string file;    // relative to the header tree: "include/linux/device/class.h"
  int line = 0;        // 1-based; 0 where the file itself is meant
  std::string text;    // its own lines, a few at most; no newline at the end
};

// Why a module does not build for one kernel and does for another: what the headers of both say of
// the name that the compiler stumbled over (module/api_change.h).
struct ApiChange {
  std::string name;  // of a function, "struct class.devnode" of a member, "linux/genhd.h" of a file
  std::string summary;  // one clause: "class_create() takes one argument on 6.12, two on 6.1"
  std::optional<Declaration> here = {};   // on the kernel that the build failed for
  std::optional<Declaration> there = {};  // on the other; either may not have it
  std::string advice = {};  // what would tell more: "add --kernel 6.1-cloud to see …"; "" if not
};

struct Failure {
  FailureKind kind = FailureKind::environment;
  std::string message;           // one sentence or the kernel's own headline
  std::string function;          // of the module's innermost frame; "" if unknown
  std::string file;              // as the user knows it, relative to the module's directory
  int line = 0;                  // 1-based; 0 if unknown
  std::string source;            // the text of that line, "" if unknown
  std::vector<std::string> log;  // the kernel's or the compiler's own lines
  std::string reproduce;         // the command that repeats it
  std::string console;           // the kept console log's path, "" if there is none
  std::optional<ApiChange> api_change = {};  // of kind build, where the kernel's headers explain it
};

struct TestResult {
  std::string name;
  Verdict verdict = Verdict::pass;
  double seconds = 0;
  std::optional<Failure> failure = {};
  std::string skip_reason = {};
  std::string note = {};  // what else should be known of how it came about
};

// The only makers of a test's result, so that its verdict and its failure always agree.
TestResult judged_test(std::string name, std::optional<Failure> failure);
TestResult skipped_test(std::string name, std::string reason);

// All tests on one kernel; of a shard, its part of them.
struct RunResult {
  std::string kernel;        // the exact release, or the selector if it could not be resolved
  std::string arch;          // x86_64
  std::string accel;         // kvm or tcg
  std::string accel_reason;  // why that one
  Verdict verdict = Verdict::pass;
  std::optional<Failure> failure = {};  // outside any test: build, load, boot
  std::vector<TestResult> tests = {};
  std::string selector = {};              // what the kernel was asked for by: "6.1-cloud"
  std::vector<std::string> modules = {};  // what was built for it, in load order
};

// Which part of a run: `index` of `count`, from 1 on. What is whole is 1 of 1.
struct Shard {
  int index = 1;
  int count = 1;
  bool operator==(const Shard&) const = default;
};
// The most parts that a run can have. Slurm's own limit (MaxArraySize) may be lower.
inline constexpr int k_max_shards = 10'000;

struct Report {
  std::string module;
  Verdict verdict = Verdict::pass;
  std::vector<RunResult> runs = {};
  bool interrupted = false;  // before all was run
  // What was to be run. It says whether reports belong together, and what is missing of a whole.
  std::string project = {};                 // digest of kobox.toml; "" if there is none
  std::vector<std::string> selectors = {};  // kernels, as they were asked for
  std::vector<std::string> tests = {};      // names in the order of kobox.toml; see name_tests()
  Shard shard = {};
};

// fail beats error beats pass beats skip.
Verdict worse(Verdict a, Verdict b);
// Is `a` more telling than `b`? See failure_kinds.
bool more_telling(FailureKind a, FailureKind b);
// Sets run.verdict from its failure and its tests, and report.verdict from its runs. Of nothing at
// all the verdict is skip.
void settle(RunResult& run);
void settle(Report& report);
// Without a kobox.toml the tests follow from what is built: names in report.tests those that the
// runs have, in their order, each once. Those asked for stay where a run has none, and in a shard,
// since they say what the whole is.
void name_tests(Report& report);

}  // namespace kobox
