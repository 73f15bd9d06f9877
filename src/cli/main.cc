// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "base/descriptor_limit.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/version.h"

namespace {

using namespace kobox;

// A word where a command should be gets a suggestion; CLI11 only says that it is unexpected, and of
// an option before the command not even that.
std::string unknown_first_word(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) return "";
  if (argv[1][0] == '-')
    return fmt::format("unknown option '{}'; a command comes first, kobox --help lists them",
                       argv[1]);
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (std::ranges::find(names, argv[1]) != names.end()) return "";
  return fmt::format("unknown command '{}'{}; kobox --help lists them", argv[1],
                     did_you_mean(argv[1], names));
}

int parse_failed(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const auto unknown = unknown_first_word(app, argc, argv);
  print_error(unknown.empty() ? std::string(error.what()) + "; see --help" : unknown);
  return k_exit_usage;
}

int run(int argc, char** argv, Output& output) {
  CLI::App app("Takes a Linux kernel module from source to a verdict in a throw-away QEMU machine.",
               "kobox");
  app.set_version_flag("--version", "kobox " KOBOX_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  Action action;
#define KOBOX_ADD_COMMAND(name) add_##name##_command(app, action);
  KOBOX_COMMANDS(KOBOX_ADD_COMMAND)
#undef KOBOX_ADD_COMMAND
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failed(app, error, argc, argv);
  }
  Console console{output};
  const auto code = action(console);
  if (!code) {
    print_error(code.error().to_string());
    return exit_code(code.error());
  }
  if (const auto written = output.check(); !written) {
    print_error(written.error().to_string());
    return exit_code(written.error());
  }
  return *code;
}

}  // namespace

int main(int argc, char** argv) {
  auto output = Output::open_standard();
  if (const auto installed = install_interrupt_handlers(); !installed) {
    print_error(installed.error().to_string());
    return k_exit_environment;
  }
  raise_descriptor_limit();
  try {
    return run(argc, argv, output);
  } catch (const std::exception& error) {
    // Nothing of ours throws; this is for a library's defect or memory that ran out.
    print_error(std::string("internal error: ") + error.what());
    return k_exit_environment;
  }
}
