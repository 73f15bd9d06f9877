// SPDX-License-Identifier: GPL-2.0-or-later
// kobox kernel add
#include <memory>

#include "cli/exit_code.h"
#include "cli/kernel_command.h"
#include "kernel/add_packages.h"

namespace kobox {
namespace {

struct AddArguments {
  CommonOptions common;
  std::vector<std::string> files;
};

Result<int> add_files(const AddArguments& arguments, Console& console) {
  KOBOX_TRY(const auto lab, lab_options(arguments.common));
  StatusLine status(console.output, loudness_of(arguments.common));
  const std::vector<std::filesystem::path> files(arguments.files.begin(), arguments.files.end());
  KOBOX_TRY(const auto kernel, add_packages(files, lab.cache / "kernels", status));
  if (!arguments.common.quiet) status.print(kernel.release + "\n");
  return k_exit_passed;
}

}  // namespace

void add_kernel_add_command(CLI::App& kernel, Action& action) {
  auto arguments = std::make_shared<AddArguments>();
  auto& add = *kernel.add_subcommand(
      "add", "Take a kernel from .deb and .rpm files: image, modules and headers");
  add.add_option("FILE", arguments->files, "The packages of one kernel")->required();
  add_output_options(add, arguments->common);
  add.callback([arguments, &action] {
    action = [arguments](Console& console) { return add_files(*arguments, console); };
  });
}

}  // namespace kobox
