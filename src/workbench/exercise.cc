// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/exercise.h"

#include <map>

namespace kobox {
namespace {

constexpr std::uint64_t k_first_serial_port = 0x3f8;

TextMatcher line(std::string text) {
  return {.kind = TextMatcher::Kind::contains, .text = std::move(text)};
}

ExerciseStep step(std::string title, std::string command, std::vector<std::string> log) {
  ExerciseStep step{.title = std::move(title), .expect = log, .test = {}};
  step.test.name = step.title;
  step.test.run = std::move(command);
  for (auto& text : log) step.test.kernel_log.push_back(line(std::move(text)));
  return step;
}

}  // namespace

std::vector<ExerciseStep> exercise_steps() {
  std::vector<ExerciseStep> steps;
  auto read = step("reading gives the greeting", "cat /dev/qemu_exercise",
                   {"QEMU Exercise: Sent 16 characters to the user"});
  read.test.standard_output = {.kind = TextMatcher::Kind::exact, .text = "Hello from QEMU!"};
  read.expect.insert(read.expect.begin(), "Hello from QEMU!");
  steps.push_back(std::move(read));
  steps.push_back(step("what is written appears in the log", k_exercise_write,
                       {"QEMU Exercise: Received 12 characters from the user"}));
  steps.push_back(
      step("opening and closing are logged", "exec 3< /dev/qemu_exercise; exec 3<&-",
           {"QEMU Exercise: Device has been opened", "QEMU Exercise: Device successfully closed"}));
  auto debugger = step("GDB stops in the module and steps", "cat /dev/qemu_exercise", {});
  debugger.test.breakpoints = {
      {.at = "qemu_exercise_init", .hits = "1", .backtrace = {"do_one_initcall"}},
      {.at = "dev_read",
       .hits = ">=1",
       .expect = {{"*offset", "0"}},
       .backtrace = {"dev_read", "vfs_read", "ksys_read"},
       .step = {"_copy_to_user"}}};
  debugger.expect = {"a breakpoint in qemu_exercise_init, hit before it runs",
                     "a breakpoint in dev_read, called by vfs_read, ksys_read, …; *offset is 0",
                     "stepping from there comes to _copy_to_user"};
  steps.push_back(std::move(debugger));
  return steps;
}

std::optional<std::string> judge_exercise_trace(const TraceReport& report) {
  if (!report.facts.trouble.empty()) return report.facts.trouble;
  std::map<std::string, TraceAnalysis::Function> functions;
  for (const auto& [address, function] : report.analysis.functions())
    functions[report.symbols.name(address)] = function;
  for (const char* name : {"dev_open", "dev_write", "dev_release"})
    if (functions[name].returned.count() == 0) return fmt::format("no call of {} was seen", name);
  bool seen = false;
  for (const auto& [path, count] : report.analysis.paths()) {
    // Under KVM there are exits for other reasons too: a page, an interrupt of the host's.
    const auto space = path.target.space;
    if (path.function == 0 || (space != Exit::Space::port && space != Exit::Space::memory) ||
        report.symbols.name(path.function) != "dev_write")
      continue;
    if (path.via == 0) return fmt::format("dev_write itself accessed a device {} times", count);
    seen = seen || (report.symbols.name(path.via).ends_with("printk") &&
                    space == Exit::Space::port && path.target.address == k_first_serial_port);
  }
  return seen ? std::nullopt
              : std::optional<std::string>("the write's log line was not seen at the serial port");
}

}  // namespace kobox
