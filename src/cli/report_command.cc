// SPDX-License-Identifier: GPL-2.0-or-later
// kobox report: reports that are there already, in another format or as one.
#include <memory>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/formats.h"
#include "cli/report_files.h"
#include "report/merge.h"

namespace kobox {
namespace {

struct ReportArguments {
  CommonOptions common;
  std::vector<std::string> files;
  std::string format = "terminal";
  std::string output_file;
  bool allow_missing = false;
};

// Of the shards that have no report.
LostShards lost_shards(const std::vector<NamedReport>& parts) {
  LostShards lost;
  for (const int shard : missing_shards(parts)) lost[shard] = {.why = "there is no report of it"};
  return lost;
}

Result<int> print_report(const Result<Report>& report, const ReportArguments& arguments,
                         Console& console) {
  KOBOX_TRY(const auto format, find_format(report_formats(), arguments.format));
  KOBOX_TRY(const auto choice, color_of(arguments.common));
  if (!report) return std::unexpected(report.error());
  StatusLine status(console.output, Loudness::normal);
  KOBOX_CHECK(write_report(*report, format, choice, arguments.output_file, status, console.output));
  return exit_code(*report);
}

Result<Report> merged(const ReportArguments& arguments) {
  std::vector<NamedReport> parts;
  for (const auto& file : arguments.files) {
    KOBOX_TRY(auto report, read_report_file(file));
    parts.push_back({printable(file), std::move(report)});
  }
  auto report = merge_reports(parts, arguments.allow_missing ? lost_shards(parts) : LostShards{});
  if (!report && !arguments.allow_missing && !missing_shards(parts).empty())
    return fail(ErrorKind::usage, "{}; with --allow-missing its tests are errors",
                report.error().message());
  return report;
}

void add_format(CLI::App& command, ReportArguments& arguments) {
  command.add_option("--format", arguments.format, format_names(report_formats()))
      ->type_name("NAME");
  command.add_option("--output", arguments.output_file, "Write the report to a file")
      ->type_name("FILE");
  command.add_option("--color", arguments.common.color, "auto, always or never")->type_name("WHEN");
}

}  // namespace

void add_report_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ReportArguments>();
  auto& command = *app.add_subcommand("report", "Show reports that were kept, or make one of many");
  command.require_subcommand(1);
  auto& show = *command.add_subcommand("show", "Show a report (kobox.report/1) in a format");
  show.add_option("FILE", arguments->files, "A report that --format json wrote")
      ->required()
      ->expected(1);
  add_format(show, *arguments);
  show.callback([arguments, &action] {
    action = [arguments](Console& console) {
      return print_report(read_report_file(arguments->files.front()), *arguments, console);
    };
  });
  auto& merge = *command.add_subcommand(
      "merge", "Make one report of the shards of a run, or of runs on different kernels");
  merge.add_option("FILE", arguments->files, "Reports that --format json wrote")->required();
  merge.add_flag("--allow-missing", arguments->allow_missing,
                 "The tests of a shard without a report are errors of kind environment");
  add_format(merge, *arguments);
  merge.callback([arguments, &action] {
    action = [arguments](Console& console) {
      return print_report(merged(*arguments), *arguments, console);
    };
  });
}

}  // namespace kobox
