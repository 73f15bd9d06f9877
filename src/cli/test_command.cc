// SPDX-License-Identifier: GPL-2.0-or-later
// kobox test
#include <algorithm>
#include <memory>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "cli/formats.h"
#include "cli/report_files.h"
#include "cli/test_printers.h"
#include "guest/guest_files.h"
#include "harness/test_run.h"
#include "report/formats.h"

namespace kobox {
namespace {

struct TestArguments {
  CommonOptions common;
  std::string filter;
  std::string format = "terminal";
  std::string output_file;
  std::string collect_into;
  int jobs = 0;
  bool fresh_boot = false;
  bool matrix = false;
  std::string shard;
  std::string times;
};

Result<TestOptions> test_options(const TestArguments& arguments) {
  TestOptions options;
  KOBOX_TRY(options.lab, lab_options(arguments.common));
  KOBOX_TRY(options.project, project_of(arguments.common));
  KOBOX_TRY(options.accel, parse_accel(arguments.common.accel));
  KOBOX_TRY(options.timeout, timeout_of(arguments.common));
  options.selectors = selectors_of(arguments.common, options.project);
  if (arguments.matrix) {
    if (!arguments.common.kernels.empty())
      return fail(ErrorKind::usage, "--matrix and --kernel exclude each other");
    if (!options.project.kernels_matrix.empty()) options.selectors = options.project.kernels_matrix;
  }
  if (!arguments.shard.empty()) {
    KOBOX_TRY_WHILE("--shard", options.shard, parse_shard(arguments.shard));
  }
  if (!arguments.times.empty()) {
    KOBOX_TRY_WHILE("--times", options.times, read_report_file(arguments.times));
  }
  options.filter = arguments.filter;
  options.jobs = arguments.jobs;
  options.isolation = arguments.fresh_boot ? Isolation::fresh_boot : Isolation::forked;
  options.keep = arguments.common.keep ? Keep::everything : Keep::failures;
  options.command = "kobox test " + shell_quote(arguments.common.directory);
  if (!arguments.common.headers.empty())
    options.command += " --headers " + shell_quote(arguments.common.headers);
  options.command += guest_words(arguments.common);
  options.collected = arguments.collect_into.empty()
                          ? default_collected(options.lab.state, options.project.source)
                          : absolute_directory(arguments.collect_into);
  return options;
}

Result<int> run_test_command(const TestArguments& arguments, Console& console) {
  KOBOX_TRY(const auto format, find_format(report_formats(), arguments.format));
  KOBOX_TRY(const auto choice, color_of(arguments.common));
  KOBOX_TRY(auto options, test_options(arguments));
  const auto loudness = loudness_of(arguments.common);
  StatusLine status(console.output, loudness);
  KOBOX_TRY(options.selectors, expand_selectors(options.lab, options.selectors, status));
  if (arguments.common.dry_run) {
    KOBOX_CHECK(select_tests(options.project, options.filter));
    KOBOX_CHECK(
        print_dry_run(options.lab, options.project, options.selectors, options.accel, status));
    return k_exit_passed;
  }

  const bool live = format.name == report_formats().front().name && arguments.output_file.empty();
  const auto color =
      use_color(choice, live && console.output.is_terminal()) ? Color::on : Color::off;
  const bool several = options.selectors.size() > 1;
  LinePrinter lines(status, color, loudness);
  KernelPrinter kernels(status, color, loudness);
  ErrorPrinter errors(status);
  TestObserver& observer = !live     ? static_cast<TestObserver&>(errors)
                           : several ? static_cast<TestObserver&>(kernels)
                                     : lines;
  KOBOX_TRY(const auto report, run_tests(options, status, observer));
  if (live) {
    status.print(several ? "\n" + render_terminal(report, color)
                         : render_api_changes(report, color) + render_summary(report, color));
  } else {
    KOBOX_CHECK(
        write_report(report, format, choice, arguments.output_file, status, console.output));
  }
  return exit_code(report);
}

}  // namespace

void add_test_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<TestArguments>();
  auto& command = *app.add_subcommand("test", "Build the module and run its tests in QEMU");
  add_directory(command, arguments->common);
  add_kernel_options(command, arguments->common);
  command.add_flag("--matrix", arguments->matrix, "Run on the kernels of kobox.toml's matrix");
  command.add_option("--shard", arguments->shard, "Run one part of N of all, such as 2/5")
      ->type_name("I/N");
  command
      .add_option("--times", arguments->times,
                  "A report whose times balance the shards; all of them need the same")
      ->type_name("FILE");
  add_machine_options(command, arguments->common);
  command
      .add_option("--jobs", arguments->jobs, "Tests at once (default: as cores and memory allow)")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  command.add_option("--filter", arguments->filter, "Only tests whose names match")
      ->type_name("REGEX");
  command.add_option("--format", arguments->format, format_names(report_formats()))
      ->type_name("NAME");
  command.add_option("--output", arguments->output_file, "Write the results to a file")
      ->type_name("FILE");
  command
      .add_option("--collect-into", arguments->collect_into,
                  "Where the files go that tests collect")
      ->type_name("DIR");
  command.add_flag("--fresh-boot", arguments->fresh_boot, "Boot a machine for every test");
  add_output_options(command, arguments->common);
  command.callback([arguments, &action] {
    action = [arguments](Console& console) { return run_test_command(*arguments, console); };
  });
}

}  // namespace kobox
