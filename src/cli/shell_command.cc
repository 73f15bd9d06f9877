// SPDX-License-Identifier: GPL-2.0-or-later
// kobox shell
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>

#include <asio/signal_set.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "cli/raw_terminal.h"
#include "guest/wire.h"
#include "lab/shell.h"
#include "report/render.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr char k_leave = 0x1d;  // Ctrl-]
constexpr std::size_t k_max_script = std::size_t{1} << 20;
constexpr const char* k_script = "/kobox/script";

std::string greeting(const ShellMachine& shell) {
  const auto& prepared = shell.prepared();
  auto text = fmt::format("{} under {}: {}", prepared.kernel.release,
                          to_string(shell.decision().accel), shell.decision().reason);
  if (prepared.module)
    text += fmt::format("; {} is in {}", prepared.module->name, wire::k_module_folder);
  return text + (::isatty(STDIN_FILENO) == 1 ? "; Ctrl-] leaves" : "");
}

// The user's terminal on one side, a shell in the guest on the other.
Result<int> interact(ShellMachine& shell, Output& output) {
  KOBOX_TRY(const auto raw, RawTerminal::take());
  auto& agent = shell.agent();
  const auto size = RawTerminal::size();
  const char* term = std::getenv("TERM");
  const auto terminal = agent.open_terminal({.command = "cd /root; exec /bin/sh -i",
                                             .rows = size.rows,
                                             .columns = size.columns,
                                             .term = term != nullptr ? term : "linux"},
                                            [&](std::string_view text) { output.write(text); });
  bool left = false;
  Fd input(::dup(STDIN_FILENO));
  Channel keys(shell.loop(), std::move(input), [&](std::string_view bytes) {
    const auto leave = bytes.find(k_leave);
    left = left || leave != std::string_view::npos;
    agent.send_input(terminal, bytes.substr(0, leave));
  });
  asio::signal_set resized(shell.loop().io(), SIGWINCH);
  std::function<void(const asio::error_code&, int)> on_resize = [&](const auto& error, int) {
    if (error) return;
    const auto now = RawTerminal::size();
    agent.resize(terminal, now.rows, now.columns);
    resized.async_wait(on_resize);
  };
  resized.async_wait(on_resize);

  const auto over = [&] {
    return left || keys.ended() || agent.terminal_end(terminal) || agent.broken() ||
           shell.machine().end();
  };
  auto waited = shell.loop().wait_until(over, Deadline::never());
  resized.cancel();
  if (!waited) return std::unexpected(waited.error());
  if (const auto end = agent.terminal_end(terminal)) return static_cast<int>(end->number("status"));
  if (left || keys.ended()) return k_exit_passed;
  if (agent.broken()) return std::unexpected(*agent.broken());
  return fail(ErrorKind::tool, "{}", shell.machine().end()->message);
}

Result<std::string> read_script() {
  std::string script;
  std::array<char, 4096> buffer;
  while (true) {
    const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read standard input");
    if (got == 0) return script;
    script.append(buffer.data(), static_cast<std::size_t>(got));
    if (script.size() > k_max_script)
      return fail(ErrorKind::usage, "the script on standard input is larger than 1 MiB");
  }
}

// With no terminal, standard input is a script for the guest's shell.
Result<int> run_script(ShellMachine& shell, Output& output, Duration limit) {
  KOBOX_TRY(const auto script, read_script());
  KOBOX_CHECK(shell.agent().put(k_script, script, 0755));
  KOBOX_TRY(const auto reply, shell.agent().run({.command = fmt::format("sh {}", k_script),
                                                 .timeout = limit,
                                                 .max_output = std::size_t{1} << 20}));
  output.write(reply.standard_output);
  if (reply.dropped_output > 0)
    print_error(fmt::format("the script printed {} more than the 1 MiB that is shown",
                            format_bytes(reply.dropped_output)));
  if (!reply.standard_error.empty())
    print_error("standard error of the script:\n" + std::string(trim(reply.standard_error)));
  if (reply.timed_out)
    return fail(ErrorKind::timeout, "the script did not end within {}", format_duration(limit));
  return reply.signal != 0 ? 128 + reply.signal : reply.status;
}

Result<int> run_shell_command(const CommonOptions& common, Console& console) {
  ShellOptions options;
  KOBOX_TRY(const auto wish, color_of(common));
  KOBOX_TRY(options.lab, lab_options(common));
  KOBOX_TRY(options.project, load_project(common.folder));
  KOBOX_TRY(options.accel, parse_accel(common.accel));
  KOBOX_TRY(const auto timeout, timeout_of(common));
  if (common.kernels.size() > 1)
    return fail(ErrorKind::usage, "a shell runs on one kernel; give --kernel once");
  options.selector = selectors_of(common, options.project).front();
  options.keep = common.keep;
  std::unique_ptr<ShellMachine> shell;
  {
    StatusLine status(console.output, loudness_of(common));
    if (common.dry_run) {
      KOBOX_CHECK(
          print_dry_run(options.lab, options.project, {options.selector}, options.accel, status));
      return k_exit_passed;
    }
    KOBOX_TRY(auto opened, ShellMachine::open(options, status));
    if (const auto* failure = std::get_if<Failure>(&opened)) {
      const auto color = use_color(wish, console.output.is_terminal()) ? Color::on : Color::off;
      status.print(render_failure(options.selector, *failure, color));
      if (failure->kind == FailureKind::build) return k_exit_build;
      return failure->kind == FailureKind::load ? k_exit_failed : k_exit_environment;
    }
    shell = std::move(std::get<std::unique_ptr<ShellMachine>>(opened));
    status.note(greeting(*shell));
  }
  if (::isatty(STDIN_FILENO) == 1) return interact(*shell, console.output);
  return run_script(*shell, console.output, timeout.value_or(1h));
}

}  // namespace

void add_shell_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<CommonOptions>();
  auto& command = *app.add_subcommand(
      "shell", "A shell in a booted machine with the module; a script from standard input too");
  add_folder(command, *options);
  add_kernel_options(command, *options);
  add_machine_options(command, *options);
  add_output_options(command, *options);
  command.callback([options, &action] {
    action = [options](Console& console) { return run_shell_command(*options, console); };
  });
}

}  // namespace kobox
