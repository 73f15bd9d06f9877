// SPDX-License-Identifier: GPL-2.0-or-later
// kobox decode
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "harness/project_build.h"
#include "harness/test_modules.h"
#include "module/decode.h"
#include "report/render.h"

namespace kobox {
namespace {

constexpr std::size_t k_max_log = std::size_t{256} << 20;  // bytes

struct DecodeArguments {
  CommonOptions common;
  std::string log;
};

// To the end of the stream, or until the user has had enough.
Result<std::string> read_log(const std::string& name) {
  const bool from_input = name.empty() || name == "-";
  const Fd file(from_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                           : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string shown = from_input ? "standard input" : name;
  if (!file) return fail_errno("cannot read {}", shown);
  std::string log;
  std::array<char, 65536> buffer;
  while (true) {
    std::array<pollfd, 2> waits = {pollfd{file.get(), POLLIN, 0},
                                   pollfd{interrupt_fd(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR)
      return fail_errno("cannot read {}", shown);
    if (interrupted()) return fail_interrupted();
    if (waits[0].revents == 0) continue;
    const auto got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read {}", shown);
    if (got == 0) return log;
    log.append(buffer.data(), static_cast<std::size_t>(got));
    if (log.size() > k_max_log)
      return fail(ErrorKind::usage, "{} is longer than {} MB; cut out the part that matters", shown,
                  k_max_log >> 20);
  }
}

// `kobox decode LOG` in the module's directory.
void settle_arguments(DecodeArguments& arguments) {
  std::error_code ignored;
  const auto& first = arguments.common.directory;
  if (!arguments.log.empty() || fs::is_directory(first, ignored)) return;
  if (first != "-" && !fs::exists(first, ignored)) return;
  arguments.log = std::exchange(arguments.common.directory, ".");
}

Result<std::string> kernel_of(const DecodeArguments& arguments, const Project& project,
                              const std::string& log) {
  const auto& given = arguments.common.kernels;
  if (given.size() > 1)
    return fail(ErrorKind::usage, "a log is of one kernel, but --kernel is given {} times",
                given.size());
  if (!given.empty()) return given.front();
  if (const auto release = release_in_log(log)) return *release;
  return selectors_of(arguments.common, project).front();
}

void tell_of(const Decoder& decoder, const std::string& module, const std::string& release) {
  if (decoder.unknown() > 0)
    print_error(fmt::format(
        "{} of {} places in {} are not in its build for {}: the log is of another kernel or of "
        "other sources; see --kernel",
        decoder.unknown(), decoder.unknown() + decoder.decoded(), module, release));
  else if (decoder.decoded() == 0)
    print_error(fmt::format("the log names no place in {}", module));
}

Result<int> run_decode_command(DecodeArguments arguments, Console& console) {
  settle_arguments(arguments);
  KOBOX_TRY(const auto choice, color_of(arguments.common));
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  KOBOX_TRY(const auto project, load_project(arguments.common.directory));
  KOBOX_TRY(const auto log, read_log(arguments.log));
  KOBOX_TRY(const auto selector, kernel_of(arguments, project, log));
  const auto color = use_color(choice, console.output.is_terminal()) ? Color::on : Color::off;
  StatusLine status(console.output, loudness_of(arguments.common));
  KOBOX_TRY(const auto kernel, resolve_kernel(lab, selector, status));
  status.stage(selector, "building");
  KOBOX_TRY(auto outcome, build_project(lab, project, project.tests, kernel, status));
  status.done(selector);
  if (auto* failure = std::get_if<Failure>(&outcome)) {
    failure->reproduce = repeat_build(arguments.common, selector);
    status.print(render_failure(kernel.release, *failure, color));
    return k_exit_build;
  }
  const auto& built = std::get<BuiltProject>(outcome);
  const auto modules = all_modules(built.common.modules, built.test_needs);
  KOBOX_TRY(auto decoder, Decoder::open(modules));
  for (std::string_view rest = log; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto next = std::min(end + 1, rest.size());
    console.output.write(decoder.line(rest.substr(0, end)));
    console.output.write(rest.substr(end, next - end));
    rest.remove_prefix(next);
  }
  if (!arguments.common.quiet) tell_of(decoder, module_names(modules), kernel.release);
  return k_exit_passed;
}

}  // namespace

void add_decode_command(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<DecodeArguments>();
  auto& command = *app.add_subcommand(
      "decode", "Print a kernel log with the module's file and line at each place in it");
  add_directory(command, arguments->common);
  command.add_option("LOG", arguments->log, "The log; standard input if there is none or it is -");
  add_build_options(command, arguments->common);
  add_output_options(command, arguments->common);
  command.callback([arguments, &action] {
    action = [arguments](Console& console) { return run_decode_command(*arguments, console); };
  });
}

}  // namespace kobox
