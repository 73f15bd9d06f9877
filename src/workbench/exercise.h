// SPDX-License-Identifier: GPL-2.0-or-later
// The exercise that kobox began as, step by step: read, write, log, debugger, trace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "project/project.h"
#include "workbench/trace.h"

namespace kobox {

// One of the exercise's results, as a test of the character device.
struct ExerciseStep {
  std::string title;                // "reading gives the greeting"
  std::vector<std::string> expect;  // what the guest or GDB shall show, for the reader
  TestSpec test;                    // its name is the title
};
std::vector<ExerciseStep> exercise_steps();

// The last result: the write that is traced, and what is missing from its trace; nothing if it is
// as it should be: open, write and release were seen, and the write's log line went to the serial
// port by way of printk, with no access of the module's own.
inline constexpr const char* k_exercise_write = "echo \"Test message\" > /dev/qemu_exercise";
std::optional<std::string> judge_exercise_trace(const TraceReport& report);

}  // namespace kobox
