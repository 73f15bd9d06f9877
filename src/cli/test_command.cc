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
#include "cli/test_on_slurm.h"
#include "cli/test_printers.h"
#include "guest/guest_files.h"
#include "harness/test_run.h"
#include "kernel/kernel_tree.h"
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
  std::string matrix_kernels;  // "": those of kobox.toml
  std::string shard;
  std::string times;
  SlurmArguments slurm;
};

// What would have no effect is refused.
Result<> check_shares(const TestArguments& arguments) {
  KOBOX_CHECK(check_slurm_options(arguments.slurm));
  const bool on = !arguments.slurm.on.empty();
  const bool shard = !arguments.shard.empty();
  if (on && shard)
    return fail(ErrorKind::usage, "--on and --shard exclude each other: --shards says how many");
  if (arguments.common.dry_run && (on || shard))
    return fail(ErrorKind::usage,
                "--dry-run prints the command lines of all kernels: leave out {}, or --dry-run",
                on ? "--on" : "--shard");
  if (!arguments.times.empty() && !on && !shard)
    return fail(ErrorKind::usage,
                "--times balances the parts of a run: add --shard I/N or --on slurm");
  return {};
}

Result<TestOptions> test_options(const TestArguments& arguments) {
  TestOptions options;
  KOBOX_CHECK(check_shares(arguments));
  KOBOX_TRY(options.lab, lab_options(arguments.common));
  KOBOX_TRY(options.project, project_of(arguments.common));
  KOBOX_TRY(options.accel, parse_accel(arguments.common.accel));
  KOBOX_TRY(options.timeout, timeout_of(arguments.common));
  options.selectors = selectors_of(arguments.common, options.project);
  if (arguments.matrix) {
    if (!arguments.common.kernels.empty())
      return fail(ErrorKind::usage, "--matrix and --kernel exclude each other");
    if (!arguments.matrix_kernels.empty())
      options.selectors = {arguments.matrix_kernels};
    else if (!options.project.kernels_matrix.empty())
      options.selectors = options.project.kernels_matrix;
  }
  if (!arguments.shard.empty()) {
    KOBOX_TRY_WHILE("--shard", options.shard, parse_shard(arguments.shard));
  }
  if (!arguments.times.empty()) {
    KOBOX_TRY_WHILE("--times", options.times, read_report_file(arguments.times));
  } else if (!arguments.slurm.on.empty()) {
    options.times = kept_times(options.lab.state, options.project.source);
  }
  options.filter = arguments.filter;
  options.jobs = arguments.jobs;
  options.isolation = arguments.fresh_boot ? Isolation::fresh_boot : Isolation::forked;
  options.keep = arguments.common.keep ? Keep::everything : Keep::failures;
  std::vector<std::string> words = {"kobox", "test", arguments.common.directory};
  for (auto& word : guest_words(arguments.common)) words.push_back(std::move(word));
  options.command = command_line(words);
  options.collected = arguments.collect_into.empty()
                          ? default_collected(options.lab.state, options.project.source)
                          : absolute_directory(arguments.collect_into);
  return options;
}

// The options of this run for kobox test on another machine, which has its own.
std::vector<std::string> words_of(const TestArguments& arguments, const TestOptions& options) {
  const auto& common = arguments.common;
  std::vector<std::string> words = {absolute_directory(common.directory).string()};
  for (auto& word : guest_words(common)) words.push_back(std::move(word));
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.push_back(std::string(option) + "=" + value);
  };
  for (const auto& selector : options.selectors) add("--kernel", selector);
  add("--accel", common.accel);
  add("--timeout", common.timeout);
  add("--filter", arguments.filter);
  add("--collect-into", arguments.collect_into.empty() ? "" : options.collected.string());
  if (arguments.jobs > 0) add("--jobs", std::to_string(arguments.jobs));
  if (arguments.fresh_boot) words.emplace_back("--fresh-boot");
  if (common.offline) words.emplace_back("--offline");
  if (common.keep) words.emplace_back("--keep");
  return words;
}

// Only of runs on several kernels: those are what is shared out. A report without any time would
// only replace one that has some.
void keep_times_of(const Report& report, const TestArguments& arguments, const TestOptions& options,
                   StatusLine& status) {
  if (report.interrupted || options.selectors.size() < 2 || !arguments.filter.empty() ||
      options.shard.count > 1 || !has_times(report))
    return;
  const auto kept = keep_times(report, options.lab.state, options.project.source);
  if (!kept) status.detail("the times are not kept: " + kept.error().to_string());
}

// Where the report goes, and how.
struct Target {
  ReportFormat format;
  ColorChoice color = ColorChoice::automatic;
  std::string file;
};

Result<Report> run_here(const TestOptions& options, const Target& target, StatusLine& status,
                        Console& console, Loudness loudness) {
  const bool live = target.format.name == report_formats().front().name && target.file.empty();
  if (!live) {
    ErrorPrinter errors(status);
    KOBOX_TRY(auto report, run_tests(options, status, errors));
    KOBOX_CHECK(
        write_report(report, target.format, target.color, target.file, status, console.output));
    return report;
  }
  const auto color = use_color(target.color, console.output.is_terminal()) ? Color::on : Color::off;
  if (options.selectors.size() > 1) {
    KernelPrinter kernels(status, color, loudness);
    KOBOX_TRY(auto report, run_tests(options, status, kernels));
    if (loudness == Loudness::quiet)
      status.print(render_matrix_failures(report, color));
    else
      status.print("\n" + render_terminal(report, color));
    return report;
  }
  LinePrinter lines(status, color, loudness);
  KOBOX_TRY(auto report, run_tests(options, status, lines));
  status.print(render_api_changes(report, color) + render_summary(report, color));
  return report;
}

Result<Report> run_on_cluster(const TestArguments& arguments, const TestOptions& options,
                              const Target& target, StatusLine& status, Console& console) {
  KOBOX_TRY(auto report,
            test_on_slurm(arguments.slurm, options, words_of(arguments, options), status));
  KOBOX_CHECK(
      write_report(report, target.format, target.color, target.file, status, console.output));
  return report;
}

Result<int> run_test_command(const TestArguments& arguments, Console& console) {
  Target target{.format = {}, .file = arguments.output_file};
  KOBOX_TRY(target.format, find_format(report_formats(), arguments.format));
  KOBOX_TRY(target.color, color_of(arguments.common));
  KOBOX_TRY(auto options, test_options(arguments));
  const auto loudness = loudness_of(arguments.common);
  StatusLine status(console.output, loudness);
  // Here a word that cannot be looked up is a kernel with a failure in the report; on a cluster,
  // and where nothing is run, there would be none.
  const auto unknown = arguments.slurm.on.empty() && !arguments.common.dry_run
                           ? LookUp::may_fail
                           : LookUp::must_succeed;
  KOBOX_TRY(options.selectors, expand_selectors(options.lab, options.selectors, status, unknown));
  if (arguments.common.dry_run) {
    KOBOX_CHECK(select_tests(options.project, options.filter));
    KOBOX_CHECK(
        print_dry_run(options.lab, options.project, options.selectors, options.accel, status));
    return k_exit_passed;
  }
  KOBOX_TRY(const auto report, arguments.slurm.on.empty()
                                   ? run_here(options, target, status, console, loudness)
                                   : run_on_cluster(arguments, options, target, status, console));
  keep_times_of(report, arguments, options, status);
  return exit_code(report);
}

// In "--matrix DIR" the word is the module's directory, unless it is a kernel tree, which a
// selector may name.
bool is_module_directory(const std::string& word) {
  std::error_code ignored;
  return fs::is_directory(word, ignored) && !is_kernel_tree(word);
}

}  // namespace

void add_test_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<TestArguments>();
  auto& command = *app.add_subcommand("test", "Build the module and run its tests in QEMU");
  add_directory(command, arguments->common);
  add_build_options(command, arguments->common);
  auto* matrix =
      command
          .add_option("--matrix", arguments->matrix_kernels,
                      "Run on these kernels, such as \"6.1 6.12\" (default: kobox.toml's matrix)")
          ->type_name("[SELECTORS]")
          ->expected(0, 1);
  command.add_option("--shard", arguments->shard, "Run one part of N of all, such as 2/5")
      ->type_name("I/N");
  command
      .add_option("--times", arguments->times,
                  "A report whose times balance the shards; all of them need the same")
      ->type_name("FILE");
  add_slurm_options(command, arguments->slurm);
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
  command.callback([arguments, matrix, &command, &action] {
    arguments->matrix = matrix->count() > 0;
    if (command.get_option("DIR")->count() == 0 && is_module_directory(arguments->matrix_kernels))
      arguments->common.directory = std::exchange(arguments->matrix_kernels, "");
    action = [arguments](Console& console) { return run_test_command(*arguments, console); };
  });
}

}  // namespace kobox
