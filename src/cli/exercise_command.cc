// SPDX-License-Identifier: GPL-2.0-or-later
// kobox exercise
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "debug/gdb_setup.h"
#include "harness/test_run.h"
#include "report/render.h"
#include "report/trace_render.h"
#include "workbench/walkthrough.h"

namespace kobox {
namespace {

// Shows each step as its result comes.
class StepPrinter : public TestObserver {
 public:
  StepPrinter(StatusLine& status, const std::vector<TestStep>& steps, Color color)
      : status_(status), steps_(steps), color_(color) {}

  void run_started(std::size_t, const RunResult& run) override {
    status_.print(fmt::format("{} ({})\n", run.kernel, run.accel));
  }
  void test_done(std::size_t, const TestResult& test) override {
    const auto step =
        std::ranges::find(steps_, test.name, [](const TestStep& one) { return one.test.name; });
    if (step == steps_.end()) return;
    const auto number = step - steps_.begin() + 1;
    auto text = fmt::format("\n{}. {}\n   # {}\n", number, step->test.name, step->test.run);
    if (test.verdict == Verdict::pass)
      for (const auto& line : step->show) text += "   " + line + "\n";
    status_.print(fmt::format("{}   {} ({:.2f} s)\n", text, to_string(test.verdict), test.seconds));
    if (test.failure) status_.print(render_failure(test.name, *test.failure, color_));
  }
  void run_done(std::size_t, const RunResult&) override {}

 private:
  StatusLine& status_;
  const std::vector<TestStep>& steps_;
  Color color_;
};

Result<TestOptions> tests_of(const CommonOptions& common, const std::vector<TestStep>& steps) {
  TestOptions options;
  KOBOX_TRY(options.lab, lab_options(common));
  KOBOX_TRY(options.project, project_of(common));
  KOBOX_TRY(options.accel, parse_accel(common.accel));
  KOBOX_TRY(options.timeout, timeout_of(common));
  if (common.kernels.size() > 1)
    return fail(ErrorKind::usage, "the exercise runs on one kernel; give --kernel once");
  options.selectors = {selectors_of(common, options.project).front()};
  options.jobs = 1;
  options.keep = common.keep ? Keep::everything : Keep::failures;
  std::vector<std::string> words = {"kobox", "exercise", common.directory};
  for (auto& word : guest_words(common)) words.push_back(std::move(word));
  options.command = command_line(words);
  options.project.tests.clear();
  for (const auto& step : steps) options.project.tests.push_back(step.test);
  return options;
}

// Gives the exit code.
Result<int> show_trace(const TraceStep& step, std::size_t number, const TestOptions& tests,
                       StatusLine& status, Color color) {
  TraceOptions options{.shell = {.lab = tests.lab,
                                 .project = tests.project,
                                 .selector = tests.selectors.front(),
                                 .accel = tests.accel},
                       .command = step.run,
                       .limit = tests.project.test_limit};
  KOBOX_TRY(const auto outcome, run_trace(options, status));
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    status.print(render_failure(step.name, *failure, color));
    return k_exit_environment;
  }
  const auto& report = std::get<TraceReport>(outcome);
  status.print(fmt::format("\n{}. {}\n   # {}", number, step.name,
                           render_trace_terminal(report.facts, report.analysis, report.symbols)));
  const auto missing = judge_trace(step, report);
  status.print(missing ? fmt::format("   fail: {}\n", *missing) : "   pass\n");
  return missing ? k_exit_failed : k_exit_passed;
}

Result<int> run_exercise_command(const CommonOptions& common, Console& console) {
  KOBOX_TRY(const auto choice, color_of(common));
  const auto color = use_color(choice, console.output.is_terminal()) ? Color::on : Color::off;
  KOBOX_TRY(const auto walkthrough, load_walkthrough(common.directory));
  KOBOX_TRY(const auto options, tests_of(common, walkthrough.tests));
  StatusLine status(console.output, loudness_of(common));
  if (common.dry_run) {
    KOBOX_CHECK(
        print_dry_run(options.lab, options.project, options.selectors, options.accel, status));
    return k_exit_passed;
  }
  KOBOX_CHECK(find_gdb());  // before anything is fetched
  StepPrinter printer(status, walkthrough.tests, color);
  KOBOX_TRY(const auto report, run_tests(options, status, printer));
  if (const auto code = exit_code(report); code != k_exit_passed) {
    status.print(render_summary(report, color));
    return code;
  }
  auto number = walkthrough.tests.size();
  for (const auto& trace : walkthrough.traces) {
    KOBOX_TRY(const auto code, show_trace(trace, ++number, options, status, color));
    if (code != k_exit_passed) return code;
  }
  status.print("\nall of the exercise holds\n");
  return k_exit_passed;
}

}  // namespace

void add_exercise_command(CLI::App& app, Action& action) {
  auto common = std::make_shared<CommonOptions>();
  auto& command = *app.add_subcommand(
      "exercise", "All of the exercise: read, write, log, debugger and trace, each judged");
  add_directory(command, *common);
  add_build_options(command, *common);
  add_machine_options(command, *common);
  add_output_options(command, *common);
  command.callback([common, &action] {
    action = [common](Console& console) { return run_exercise_command(*common, console); };
  });
}

}  // namespace kobox
