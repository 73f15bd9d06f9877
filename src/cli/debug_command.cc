// SPDX-License-Identifier: GPL-2.0-or-later
// kobox debug
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/debug_server.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "cli/shared_terminal.h"
#include "cli/vscode.h"
#include "debug/gdb_setup.h"
#include "debug/symbol_file.h"
#include "report/render.h"
#include "workbench/debug.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_batch_limit = 60s;
// For how long a machine goes on when the command has ended and a script still waits for a stop.
constexpr Duration k_last_stop = 1s;
constexpr Duration k_monitor_limit = 200ms;

struct DebugChoices {
  CommonOptions common;
  std::vector<std::string> breakpoints;
  std::vector<std::string> gdb_arguments;
  std::string test;
  std::string run;
  std::string batch;
  std::string serve;
  bool vscode = false;
  int port = 0;
};

Result<DebugOptions> options_of(const DebugChoices& choices) {
  const auto& common = choices.common;
  DebugOptions options;
  auto& shell = options.shell;
  KOBOX_TRY(shell.lab, lab_options(common));
  KOBOX_TRY(shell.project, project_of(common));
  KOBOX_TRY(shell.accel, parse_accel(common.accel));
  if (common.kernels.size() > 1)
    return fail(ErrorKind::usage, "a debugger works on one kernel; give --kernel once");
  if (!choices.test.empty() && !choices.run.empty())
    return fail(ErrorKind::usage, "--test and --run exclude each other: give one command");
  if (!choices.batch.empty() && ::access(choices.batch.c_str(), R_OK) != 0)
    return fail(ErrorKind::usage, "cannot read the GDB script {}", choices.batch);
  if (!choices.batch.empty() && !choices.serve.empty())
    return fail(ErrorKind::usage,
                "--batch and --serve exclude each other: with --serve, the GDB "
                "is your own");
  shell.selector = selectors_of(common, shell.project).front();
  shell.keep = common.keep;
  options.breakpoints = choices.breakpoints;
  options.command = choices.run;
  if (choices.port != 0) options.port = static_cast<std::uint16_t>(choices.port);
  // By hand, and with nothing else to do, the guest has a shell.
  if (options.command.empty() && choices.batch.empty() && ::isatty(STDIN_FILENO) == 1)
    options.command = "exec /bin/sh -i";
  if (choices.test.empty()) return options;
  KOBOX_TRY(const auto test, find_test(shell.project, choices.test));
  options.command = test.run;
  return options;
}

// Interrupts, as by Ctrl-C, a GDB that waits for a stop when the command has ended: once for each
// time that it lets the machine go on.
class LastStop {
 public:
  LastStop(DebugMachine& machine, Child& gdb) : machine_(machine), gdb_(gdb) {}
  void look() {
    const auto runs = machine_.runs_for();
    if (!runs) sent_ = false;
    if (sent_ || !runs || *runs < k_last_stop || !machine_.work_status()) return;
    gdb_.signal_group(SIGINT);
    sent_ = true;
  }

 private:
  DebugMachine& machine_;
  Child& gdb_;
  bool sent_ = false;
};

// GDB by itself, with the machine behind it: its commands come from a file or a pipe.
Result<ExitStatus> run_script(DebugMachine& machine, const CommandLine& command, int input,
                              bool ends_with_command, Deadline deadline, Output& output) {
  machine.start_work({}, [&](std::string_view text) { output.write(text); });
  KOBOX_TRY(auto gdb, Child::spawn(command, {.standard_input = input,
                                             .standard_output = STDOUT_FILENO,
                                             .standard_error = STDERR_FILENO}));
  auto& loop = machine.machine().loop();
  bool ended = false;
  const ReadableOnce watch(loop, gdb.pidfd(), [&] { ended = true; });
  LastStop last_stop(machine, gdb);
  const auto over = [&] {
    if (ends_with_command && !ended) last_stop.look();
    return ended;
  };
  KOBOX_CHECK(machine.machine().guest().serve_until(over, deadline));
  loop.run_ready();  // what the guest printed last
  return gdb.poll().value_or(ExitStatus{});
}

// Until GDB ends; its status is kobox's.
Result<int> run_gdb(DebugMachine& machine, const DebugChoices& choices, Deadline deadline,
                    Output& output) {
  const bool batch = !choices.batch.empty();
  auto arguments = choices.gdb_arguments;
  if (batch) arguments.insert(arguments.end(), {"-batch", "-x", choices.batch});
  const auto command = machine.target().gdb(arguments);
  const bool by_hand = !batch && ::isatty(STDIN_FILENO) == 1 && output.is_terminal();
  const bool has_end = batch && !(choices.run.empty() && choices.test.empty());
  const auto status =
      by_hand ? SharedTerminal(machine, output).run(command, deadline)
              : run_script(machine, command, batch ? -1 : STDIN_FILENO, has_end, deadline, output);
  if (!status && status.error().kind() == ErrorKind::timeout)
    return fail(ErrorKind::timeout, "gdb did not end in its time; --timeout gives it more");
  if (!status) return std::unexpected(status.error());
  auto& shell = machine.machine();
  // A GDB whose machine dies may be gone before QEMU has let go of its monitor.
  if (!status->success()) {
    [[maybe_unused]] const auto waited = shell.loop().wait_until(
        [&] { return shell.machine().monitor().ended(); }, Deadline::after(k_monitor_limit));
  }
  if (const auto& end = await_end(shell.guest()); end)
    print_error(fmt::format("under the debugger the machine ended: {}", end->message));
  if (status->signal != 0) return fail(ErrorKind::tool, "gdb {}", status->to_string());
  return status->code;
}

// What the VS Code task is to give to kobox debug: the choices of this call.
std::vector<std::string> words_of(const DebugChoices& choices) {
  const auto& common = choices.common;
  auto words = guest_words(common);
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  for (const auto& kernel : common.kernels) add("--kernel", kernel);
  if (common.accel != "auto") add("--accel", common.accel);
  for (const auto& place : choices.breakpoints) add("--break", place);
  add("--test", choices.test);
  add("--run", choices.run);
  if (common.offline) words.emplace_back("--offline");
  return words;
}

Result<int> set_vscode_up(const DebugChoices& choices, Console& console) {
  if (!choices.batch.empty() || !choices.serve.empty() || choices.port != 0 ||
      !choices.gdb_arguments.empty())
    return fail(ErrorKind::usage,
                "--vscode writes files and starts nothing: --batch, --serve, --port and --gdb-arg "
                "have no place beside it");
  KOBOX_TRY(const auto options, options_of(choices));
  KOBOX_TRY(const auto gdb, find_gdb());
  KOBOX_TRY(const auto written,
            write_vscode_setup(options.shell.project.directory, gdb, words_of(choices)));
  for (const auto& path : written) console.output.write(path.string() + "\n");
  print_error(
      "open this directory in VS Code (with Microsoft's C/C++ extension) and start 'kobox: "
      "debug the module'");
  return k_exit_passed;
}

Result<int> run_debug_command(const DebugChoices& choices, Console& console) {
  if (choices.vscode) return set_vscode_up(choices, console);
  const auto& common = choices.common;
  KOBOX_TRY(const auto choice, color_of(common));
  KOBOX_TRY(const auto timeout, timeout_of(common));
  KOBOX_TRY(const auto options, options_of(choices));
  std::unique_ptr<DebugMachine> machine;
  {
    StatusLine status(console.output, loudness_of(common));
    if (common.dry_run) {
      const auto& shell = options.shell;
      KOBOX_CHECK(print_dry_run(shell.lab, shell.project, {shell.selector}, shell.accel, status));
      return k_exit_passed;
    }
    KOBOX_TRY(auto opened, DebugMachine::open(options, status));
    if (const auto* failure = std::get_if<Failure>(&opened)) {
      const auto color = use_color(choice, console.output.is_terminal()) ? Color::on : Color::off;
      status.print(render_failure(options.shell.selector, *failure, color));
      return failure->kind == FailureKind::build ? k_exit_build : k_exit_environment;
    }
    machine = std::move(std::get<std::unique_ptr<DebugMachine>>(opened));
    const auto& shell = machine->machine();
    status.note(fmt::format("{} under {}; the machine is stopped; 'continue' loads the module",
                            shell.prepared().kernel.release, to_string(shell.decision().accel)));
    if (const auto hint = missing_debug_info(shell.prepared().modules); !hint.empty())
      status.note(hint);
    if (const auto hint = missing_unwind_tables(shell.prepared().kernel); !hint.empty())
      status.note(hint);
    if (options.port) status.note(fmt::format("GDB's server is on {}", machine->target().server()));
  }
  const auto deadline = !choices.batch.empty() ? Deadline::after(timeout.value_or(k_batch_limit))
                        : timeout              ? Deadline::after(*timeout)
                                               : Deadline::never();
  if (choices.serve.empty()) return run_gdb(*machine, choices, deadline, console.output);
  KOBOX_CHECK(serve_debugger(*machine, choices.serve, deadline, console.output));
  return k_exit_passed;
}

}  // namespace

void add_debug_command(CLI::App& app, Action& action) {
  auto choices = std::make_shared<DebugChoices>();
  auto& command =
      *app.add_subcommand("debug", "GDB inside the module, from before its init function runs");
  add_directory(command, choices->common);
  command
      .add_option("--break", choices->breakpoints,
                  "Stop here: a function, or file:line (repeatable)")
      ->type_name("LOCATION");
  command.add_option("--test", choices->test, "Run this test's command when GDB continues")
      ->type_name("NAME");
  command.add_option("--run", choices->run, "Run this command when GDB continues")
      ->type_name("COMMAND");
  command
      .add_option("--batch", choices->batch,
                  "Run GDB's commands from a file; its status is kobox's")
      ->type_name("SCRIPT");
  command
      .add_option("--serve", choices->serve,
                  "Start no GDB: write this script for one of your own, and wait for it")
      ->type_name("FILE");
  command.add_flag("--vscode", choices->vscode,
                   "Write .vscode/launch.json and tasks.json that debug the module so");
  command.add_option("--port", choices->port, "Serve GDB on this port of 127.0.0.1")
      ->check(CLI::Range(1, 65535));
  command.add_option("--gdb-arg", choices->gdb_arguments, "An argument for GDB (repeatable)")
      ->type_name("ARGUMENT")
      ->allow_extra_args(false);
  add_build_options(command, choices->common);
  add_machine_options(command, choices->common);
  add_output_options(command, choices->common);
  command.callback([choices, &action] {
    action = [choices](Console& console) { return run_debug_command(*choices, console); };
  });
}

}  // namespace kobox
