// SPDX-License-Identifier: GPL-2.0-or-later
// kobox trace
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "lab/trace.h"
#include "report/render.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_largest_events_file = 1 << 20;  // bytes

struct TraceChoices {
  CommonOptions common;
  std::string test;
  std::string run;
  std::string events;
  std::string format = "terminal";
  std::string output;
};

Result<TraceOptions> options_of(const TraceChoices& choices) {
  const auto& common = choices.common;
  TraceOptions options;
  auto& shell = options.shell;
  KOBOX_TRY(shell.lab, lab_options(common));
  KOBOX_TRY(shell.project, load_project(common.folder));
  KOBOX_TRY(shell.accel, parse_accel(common.accel));
  if (common.kernels.size() > 1)
    return fail(ErrorKind::usage, "a trace is of one kernel; give --kernel once");
  if (choices.test.empty() == choices.run.empty())
    return fail(ErrorKind::usage, "give either --test NAME or --run COMMAND: what to trace");
  if (choices.format != "terminal" && choices.format != "json")
    return fail(ErrorKind::usage, "--format '{}': use terminal or json", choices.format);
  shell.selector = selectors_of(common, shell.project).front();
  shell.keep = common.keep;
  options.command = choices.run;
  options.limit = shell.project.test_limit;
  if (!choices.test.empty()) {
    KOBOX_TRY(const auto test, find_test(shell.project, choices.test));
    options.command = test.run;
    options.limit = test.timeout.value_or(options.limit);
  }
  if (!choices.events.empty()) {
    auto text = read_file(choices.events, k_largest_events_file);
    if (!text) return std::unexpected(Error(ErrorKind::usage, text.error().message()));
    KOBOX_TRY(const auto known, qemu_events());
    KOBOX_TRY(options.events, read_events_file(*text, choices.events, known));
  }
  KOBOX_TRY(const auto timeout, timeout_of(common));
  options.limit = timeout.value_or(options.limit);
  return options;
}

Result<int> run_trace_command(const TraceChoices& choices, Console& console) {
  const auto& common = choices.common;
  KOBOX_TRY(const auto wish, color_of(common));
  KOBOX_TRY(const auto options, options_of(choices));
  StatusLine status(console.output, loudness_of(common));
  if (common.dry_run) {
    const auto& shell = options.shell;
    KOBOX_CHECK(print_dry_run(shell.lab, shell.project, {shell.selector}, shell.accel, status));
    return k_exit_passed;
  }
  KOBOX_TRY(const auto outcome, run_trace(options, status));
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    const auto color = use_color(wish, console.output.is_terminal()) ? Color::on : Color::off;
    status.print(render_failure(options.shell.selector, *failure, color));
    return failure->kind == FailureKind::build ? k_exit_build : k_exit_environment;
  }
  const auto& report = std::get<TraceReport>(outcome);
  const auto text = choices.format == "json"
                        ? render_trace_json(report.facts, report.analysis, report.symbols)
                        : render_trace_terminal(report.facts, report.analysis, report.symbols);
  if (choices.output.empty())
    status.print(text);
  else
    KOBOX_CHECK(write_file(choices.output, text));
  return report.facts.trouble.empty() ? k_exit_passed : k_exit_failed;
}

}  // namespace

void add_trace_command(CLI::App& app, Action& action) {
  auto choices = std::make_shared<TraceChoices>();
  auto& command =
      *app.add_subcommand("trace", "Say which devices a command's way through the module touches");
  add_folder(command, choices->common);
  command.add_option("--test", choices->test, "Trace this test's command");
  command.add_option("--run", choices->run, "Trace this command");
  command.add_option("--events", choices->events,
                     "Record these events too: a file as QEMU's -trace events= takes it");
  command.add_option("--format", choices->format, "terminal or json");
  command.add_option("--output", choices->output,
                     "Write the trace here instead of standard output");
  add_kernel_options(command, choices->common);
  add_machine_options(command, choices->common);
  add_output_options(command, choices->common);
  command.callback([choices, &action] {
    action = [choices](Console& console) { return run_trace_command(*choices, console); };
  });
}

}  // namespace kobox
