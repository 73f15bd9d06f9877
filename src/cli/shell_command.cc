// SPDX-License-Identifier: GPL-2.0-or-later
// kobox shell
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/dry_run.h"
#include "cli/exit_code.h"
#include "cli/raw_terminal.h"
#include "guest/guest_files.h"
#include "image/layout.h"
#include "report/render.h"
#include "workbench/shell.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr char k_leave = 0x1d;  // Ctrl-]
constexpr std::size_t k_max_script = std::size_t{1} << 20;
constexpr const char* k_script = "/kobox/script";

struct ShellArguments {
  CommonOptions common;
  std::string user = k_disk_user;
  std::string persist;
  std::vector<std::string> put;
  std::vector<std::string> collect;
  std::string collect_into;
};

std::string greeting(const ShellMachine& shell) {
  const auto& prepared = shell.prepared();
  auto text = fmt::format("{} under {}: {}", prepared.kernel.release,
                          to_string(shell.decision().accel), shell.decision().reason);
  if (!prepared.modules.empty())
    text += fmt::format("; {} {} in {}", module_names(prepared.modules),
                        prepared.modules.size() == 1 ? "is" : "are", layout::k_module_directory);
  if (shell.prepared().disk)
    text += fmt::format("; {}; sources are in {}", shell.prepared().disk->info.name,
                        shell.work_directory());
  return text + (::isatty(STDIN_FILENO) == 1 ? "; Ctrl-] leaves" : "");
}

// What starts a shell, as the user and where the work is.
std::string as_user(const ShellMachine& shell, const ShellArguments& arguments,
                    const std::string& words) {
  if (!shell.prepared().disk) return "cd /root; exec " + words;
  return fmt::format(
      "cd {0} || cd /; chown {1}: \"$(tty)\" 2>/dev/null; exec setpriv --reuid={1} --regid={1} "
      "--init-groups --reset-env env LANG=C.UTF-8 {2}",
      shell_quote(shell.work_directory()), shell_quote(arguments.user), words);
}

// The user's terminal on one side, a shell in the guest on the other.
Result<int> interact(ShellMachine& shell, const ShellArguments& arguments, Output& output) {
  KOBOX_TRY(const auto raw, RawTerminal::take());
  auto& agent = shell.agent();
  const auto size = RawTerminal::size();
  const char* term = std::getenv("TERM");
  const char* words = shell.prepared().disk ? "bash -l" : "/bin/sh -i";
  const auto terminal = agent.open_terminal({.command = as_user(shell, arguments, words),
                                             .rows = size.rows,
                                             .columns = size.columns,
                                             .term = term != nullptr ? term : "linux"},
                                            [&](std::string_view text) { output.write(text); });
  bool left = false;
  KOBOX_TRY(auto input, RawTerminal::keys());
  Channel keys(shell.loop(), std::move(input), [&](std::string_view bytes) {
    const auto leave = bytes.find(k_leave);
    left = left || leave != std::string_view::npos;
    agent.send_input(terminal, bytes.substr(0, leave));
  });
  const ResizeWatch resized(
      shell.loop(), [&](RawTerminal::Size now) { agent.resize(terminal, now.rows, now.columns); });

  const auto over = [&] {
    return left || keys.ended() || agent.terminal_end(terminal) || agent.broken() ||
           shell.machine().end() || shell.guest().out_of_disk();
  };
  auto waited = shell.guest().serve_until(over, Deadline::never());
  if (!waited) return std::unexpected(waited.error());
  if (const auto end = agent.terminal_end(terminal)) return static_cast<int>(end->number("status"));
  if (left || keys.ended()) return k_exit_passed;
  if (agent.broken()) return std::unexpected(*agent.broken());
  if (auto full = shell.guest().out_of_disk()) return std::unexpected(std::move(*full));
  const auto& end = *shell.machine().end();
  // Whole systems are left that way too.
  if (shell.prepared().disk && end.cause == MachineEnd::Cause::powered_off) return k_exit_passed;
  return fail(ErrorKind::tool, "{}", end.message);
}

// All of standard input.
Result<std::string> read_script() {
  std::string script;
  std::array<char, 4096> buffer;
  while (true) {
    std::array<pollfd, 2> waits = {pollfd{STDIN_FILENO, POLLIN, 0},
                                   pollfd{interrupt_fd(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), -1);
    if (interrupted()) return fail_interrupted();
    if (waits[0].revents == 0) continue;
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
Result<int> run_script(ShellMachine& shell, const ShellArguments& arguments,
                       const std::string& script, Output& output, Duration limit) {
  KOBOX_CHECK(shell.agent().put(k_script, script, 0755));
  KOBOX_TRY(const auto reply,
            shell.agent().run({.command = as_user(shell, arguments, fmt::format("sh {}", k_script)),
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

fs::path collected_directory(const ShellArguments& arguments, const ShellOptions& options) {
  return arguments.collect_into.empty()
             ? default_collected(options.lab.state, options.project.source) / "shell"
             : absolute_directory(arguments.collect_into);
}

Result<> bring_out(ShellMachine& shell, const ShellArguments& arguments,
                   const ShellOptions& options, StatusLine& status) {
  if (arguments.collect.empty()) return {};
  if (shell.machine().end())
    return fail(ErrorKind::environment,
                "nothing was collected: the machine was off before; leave it by `exit` or Ctrl-]");
  std::vector<std::string> paths;
  paths.reserve(arguments.collect.size());
  for (const auto& path : arguments.collect)
    paths.push_back((fs::path(shell.home()) / path).lexically_normal().string());
  const auto directory = collected_directory(arguments, options);
  KOBOX_TRY(const auto brought, copy_out(shell.agent(), paths, directory));
  if (const auto* obstacle = std::get_if<std::string>(&brought))
    return fail(ErrorKind::environment, "{}", *obstacle);
  const auto& unpacked = std::get<Unpacked>(brought);
  status.note(fmt::format("collected {} files ({}) in {}", unpacked.files,
                          format_bytes(unpacked.bytes), directory.string()));
  if (!unpacked.left_out.empty())
    status.note("left out, being neither a file nor a directory: " + join(unpacked.left_out, ", "));
  return {};
}

// Whatever is asked of a disk guest, but without one.
Result<> check_guest(const ShellArguments& arguments, const Project& project) {
  if (arguments.user != k_disk_user && arguments.user != "root")
    return fail(ErrorKind::usage, "--user '{}': use {} or root", arguments.user, k_disk_user);
  if (project.guest == GuestKind::disk) return {};
  if (!arguments.persist.empty())
    return fail(ErrorKind::usage, "--persist is for disk guests: add --guest disk");
  return {};
}

Result<ShellOptions> options_of(const ShellArguments& arguments) {
  const auto& common = arguments.common;
  ShellOptions options;
  KOBOX_TRY(options.lab, lab_options(common));
  KOBOX_TRY(options.project, project_of(common));
  KOBOX_TRY(options.accel, parse_accel(common.accel));
  if (common.kernels.size() > 1)
    return fail(ErrorKind::usage, "a shell runs on one kernel; give --kernel once");
  KOBOX_CHECK(check_guest(arguments, options.project));
  options.selector = selectors_of(common, options.project).front();
  options.keep = common.keep;
  options.bare = options.project.guest == GuestKind::disk;
  options.user = arguments.user;
  options.persist = arguments.persist;
  for (const auto& path : arguments.put) {
    std::error_code ignored;
    if (!fs::exists(path, ignored))
      return fail(ErrorKind::usage, "--put '{}': there is no such file or directory",
                  printable(path));
  }
  options.put.assign(arguments.put.begin(), arguments.put.end());
  return options;
}

Result<int> run_shell_command(const ShellArguments& arguments, Console& console) {
  const auto& common = arguments.common;
  KOBOX_TRY(const auto choice, color_of(common));
  KOBOX_TRY(const auto options, options_of(arguments));
  KOBOX_TRY(const auto timeout, timeout_of(common));
  if (!arguments.collect.empty())  // before there is any work that could be lost
    KOBOX_CHECK(may_replace(collected_directory(arguments, options)));
  const bool by_hand = ::isatty(STDIN_FILENO) == 1;
  std::string script;
  if (!by_hand && !common.dry_run) {
    KOBOX_TRY(script, read_script());
  }
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
      const auto color = use_color(choice, console.output.is_terminal()) ? Color::on : Color::off;
      status.print(render_failure(options.selector, *failure, color));
      if (failure->kind == FailureKind::build) return k_exit_build;
      return failure->kind == FailureKind::load ? k_exit_failed : k_exit_environment;
    }
    shell = std::move(std::get<std::unique_ptr<ShellMachine>>(opened));
    status.note(greeting(*shell));
  }
  auto code = by_hand ? interact(*shell, arguments, console.output)
                      : run_script(*shell, arguments, script, console.output, timeout.value_or(1h));
  StatusLine status(console.output, loudness_of(common));
  const auto brought = bring_out(*shell, arguments, options, status);
  if (!options.persist.empty()) {
    status.stage(options.persist, "shutting the guest down");
    KOBOX_CHECK(shell->power_off());
  }
  if (brought) return code;
  if (code) return std::unexpected(brought.error());
  print_error(brought.error().to_string());
  return code;
}

}  // namespace

void add_shell_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ShellArguments>();
  auto& options = arguments->common;
  auto& command = *app.add_subcommand(
      "shell", "A shell in a booted machine with the module; a script from standard input too");
  add_directory(command, options);
  add_build_options(command, options);
  add_machine_options(command, options);
  add_output_options(command, options);
  command.add_option("--put", arguments->put, "Take a file or directory into the home directory")
      ->type_name("PATH")
      ->allow_extra_args(false);
  command
      .add_option("--collect", arguments->collect,
                  "At the end, bring a file or directory out of the guest")
      ->type_name("PATH")
      ->allow_extra_args(false);
  command.add_option("--collect-into", arguments->collect_into, "Where that goes")
      ->type_name("DIR")
      ->needs("--collect");
  command.add_option("--user", arguments->user, "Of a disk guest: user, who may use sudo, or root")
      ->type_name("NAME");
  command.add_option("--persist", arguments->persist, "Of a disk guest: keep its changes as NAME")
      ->type_name("NAME");
  command.callback([arguments, &action] {
    action = [arguments](Console& console) { return run_shell_command(*arguments, console); };
  });
}

}  // namespace kobox
