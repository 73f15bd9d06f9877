// SPDX-License-Identifier: GPL-2.0-or-later
// kobox trace
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "cli/formats.h"
#include "report/formats.h"
#include "workbench/trace.h"

namespace kobox {
namespace {

constexpr std::uint64_t k_largest_events_file = 1 << 20;  // bytes
// Of a CPU's records: two of the kernel's pages, and what one would not take from a machine.
constexpr std::uint64_t k_smallest_buffer = 8 << 10;
constexpr std::uint64_t k_largest_buffer = 1 << 30;

struct TraceChoices {
  CommonOptions common;
  std::string test;
  std::string run;
  std::string events;
  std::string format = "terminal";
  std::string output;
  std::string buffer;
};

Result<TraceOptions> options_of(const TraceChoices& choices) {
  const auto& common = choices.common;
  TraceOptions options;
  auto& shell = options.shell;
  KOBOX_TRY(shell.lab, lab_options(common));
  KOBOX_TRY(shell.project, project_of(common));
  KOBOX_TRY(shell.accel, parse_accel(common.accel));
  if (common.kernels.size() > 1)
    return fail(ErrorKind::usage, "a trace is of one kernel; give --kernel once");
  if (choices.test.empty() == choices.run.empty())
    return fail(ErrorKind::usage, "give either --test NAME or --run COMMAND: what to trace");
  if (!choices.buffer.empty()) {
    KOBOX_TRY(options.buffer, parse_size(choices.buffer));
    if (options.buffer < k_smallest_buffer || options.buffer > k_largest_buffer)
      return fail(ErrorKind::usage, "--buffer {}: use 8K to 1G", choices.buffer);
  }
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

// Where the trace goes: a file that is there once it is whole, or standard output.
class TraceOutput {
 public:
  static Result<TraceOutput> open(const std::string& path, StatusLine& status) {
    TraceOutput output(path, status);
    if (path.empty()) return output;
    output.file_ =
        Fd(::open(output.partial().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!output.file_) return fail_errno("cannot write {}", path);
    return output;
  }
  TraceOutput(TraceOutput&&) noexcept = default;
  TraceOutput& operator=(TraceOutput&&) = delete;
  ~TraceOutput() {
    if (file_) ::unlink(partial().c_str());
  }

  void write(std::string_view text) {
    if (path_.empty()) return status_->print(text);
    while (!text.empty() && error_ == 0) {
      const auto wrote = ::write(file_.get(), text.data(), text.size());
      if (wrote < 0 && errno != EINTR) error_ = errno;
      if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }
  Result<> finish() {
    if (path_.empty()) return {};
    errno = error_;
    if (error_ != 0) return fail_errno("cannot write {}", path_);
    KOBOX_CHECK(rename_path(partial(), path_));
    file_.reset();
    return {};
  }

 private:
  TraceOutput(std::string path, StatusLine& status) : path_(std::move(path)), status_(&status) {}
  std::string partial() const { return path_ + ".part"; }

  std::string path_;
  StatusLine* status_;
  Fd file_;
  int error_ = 0;
};

Result<int> run_trace_command(const TraceChoices& choices, Console& console) {
  const auto& common = choices.common;
  KOBOX_TRY(const auto choice, color_of(common));
  KOBOX_TRY(const auto format, find_format(trace_formats(), choices.format));
  KOBOX_TRY(auto options, options_of(choices));
  StatusLine status(console.output, loudness_of(common));
  if (common.dry_run) {
    const auto& shell = options.shell;
    KOBOX_CHECK(print_dry_run(shell.lab, shell.project, {shell.selector}, shell.accel, status));
    return k_exit_passed;
  }
  KOBOX_TRY(auto output, TraceOutput::open(choices.output, status));
  const auto writer = format.make([&](std::string_view text) { output.write(text); });
  if (writer->wants_events())
    options.also = [&](const TraceSymbols& symbols) { return writer->sink(symbols); };
  KOBOX_TRY(const auto outcome, run_trace(options, status));
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    const auto color = use_color(choice, console.output.is_terminal()) ? Color::on : Color::off;
    status.print(render_failure(options.shell.selector, *failure, color));
    return failure->kind == FailureKind::build ? k_exit_build : k_exit_environment;
  }
  const auto& report = std::get<TraceReport>(outcome);
  writer->finish(report.facts, report.analysis, report.symbols);
  KOBOX_CHECK(output.finish());
  return report.facts.ended_early.empty() ? k_exit_passed : k_exit_failed;
}

}  // namespace

void add_trace_command(CLI::App& app, Action& action) {
  auto choices = std::make_shared<TraceChoices>();
  auto& command = *app.add_subcommand(
      "trace", "Say which VM exits (or device accesses) a command causes in the module");
  add_directory(command, choices->common);
  command.add_option("--test", choices->test, "Trace this test's command")->type_name("NAME");
  command.add_option("--run", choices->run, "Trace this command")->type_name("COMMAND");
  command
      .add_option("--events", choices->events,
                  "Record these events too: a file as QEMU's -trace events= takes it")
      ->type_name("FILE");
  command.add_option("--format", choices->format, format_names(trace_formats()))->type_name("NAME");
  command
      .add_option("--output", choices->output, "Write the trace here instead of standard output")
      ->type_name("FILE");
  command.add_option("--buffer", choices->buffer, "Under KVM: memory for each CPU's records (8M)")
      ->type_name("SIZE");
  add_build_options(command, choices->common);
  add_machine_options(command, choices->common);
  add_output_options(command, choices->common);
  command.callback([choices, &action] {
    action = [choices](Console& console) { return run_trace_command(*choices, console); };
  });
}

}  // namespace kobox
