// SPDX-License-Identifier: GPL-2.0-or-later
// kobox kernel config
#include <memory>

#include "base/files.h"
#include "cli/exit_code.h"
#include "cli/kernel_command.h"
#include "kernel/kernel_tree.h"

namespace kobox {
namespace {

struct ConfigArguments {
  std::string directory;
  std::string output;
};

Result<int> write_config(const ConfigArguments& arguments, Console& console) {
  KOBOX_TRY(const auto fragment, kernel_tree_fragment(arguments.directory));
  if (arguments.output.empty()) {
    console.output.write(fragment);
    return k_exit_passed;
  }
  std::error_code ignored;
  if (fs::exists(arguments.output, ignored))
    return fail(ErrorKind::usage, "--output: there is a {} already", arguments.output);
  KOBOX_CHECK(write_file(arguments.output, fragment));
  return k_exit_passed;
}

}  // namespace

void add_kernel_config_command(CLI::App& kernel, Action& action) {
  auto arguments = std::make_shared<ConfigArguments>();
  auto& config = *kernel.add_subcommand(
      "config", "What a kernel tree's .config lacks for kobox, as a fragment to merge");
  config.add_option("DIR", arguments->directory, "The kernel tree, or the directory of its O=")
      ->required();
  config.add_option("--output", arguments->output, "Write it to this file")->type_name("FILE");
  config.callback([arguments, &action] {
    action = [arguments](Console& console) { return write_config(*arguments, console); };
  });
}

}  // namespace kobox
