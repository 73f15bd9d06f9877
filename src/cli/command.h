// SPDX-License-Identifier: GPL-2.0-or-later
// What a subcommand is: a function that adds it, with its options, to the parser.
// KOBOX_COMMANDS below is the list. Parsing only stores; the chosen command's action runs
// afterwards and gives the exit code.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/deadline.h"
#include "base/result.h"
#include "cli/terminal.h"
#include "harness/prepare.h"
#include "project/project.h"
#include "vm/accel.h"

namespace kobox {

// What every action gets.
struct Console {
  Output& output;
};
using Action = std::function<Result<int>(Console&)>;

// Options that more than one command has. The strings are as typed; the functions below check them.
struct CommonOptions {
  std::string directory = ".";
  std::vector<std::string> kernels;
  std::string headers;
  std::string accel = "auto";
  std::string guest;  // "": the project's
  std::string image;
  std::string boot = "kernel";
  std::string build;  // "": the project's
  std::string build_in = "auto";
  std::string timeout;
  std::string color = "auto";
  bool offline = false;
  bool keep = false;
  bool verbose = false;
  bool quiet = false;
  bool dry_run = false;
};

void add_output_options(CLI::App& app, CommonOptions& options);   // -v -q --color
void add_directory(CLI::App& app, CommonOptions& options);        // DIR
void add_kernel_options(CLI::App& app, CommonOptions& options);   // --kernel --headers --offline
void add_build_options(CLI::App& app, CommonOptions& options);    // those, and --build-in
void add_machine_options(CLI::App& app, CommonOptions& options);  // --accel --guest --timeout …

Loudness loudness_of(const CommonOptions& options);
Result<ColorChoice> color_of(const CommonOptions& options);
Result<LabOptions> lab_options(const CommonOptions& options);
Result<std::optional<Duration>> timeout_of(const CommonOptions& options);
// The project of the directory, with what the options say of its guest.
Result<Project> project_of(const CommonOptions& options);
// The options that say how a module is built, as words of a command line; what is left to its
// default is not among them.
std::vector<std::string> build_words(const CommonOptions& options);
// The same with what chooses the guest.
std::vector<std::string> guest_words(const CommonOptions& options);
// As one types it in a shell: "kobox build 'my module' --kernel 6.1".
std::string command_line(const std::vector<std::string>& words);
// The command that repeats the build for a kernel.
std::string repeat_build(const CommonOptions& options, const std::string& selector);
// The kernels to run on: --kernel, or what the project says.
std::vector<std::string> selectors_of(const CommonOptions& options, const Project& project);
// The test of that name, or the only one whose name contains the words.
Result<TestSpec> find_test(const Project& project, const std::string& words);

// All commands, in the order in which --help lists them. Each has a file, NAME_command.cc, with
// its add_NAME_command().
#define KOBOX_COMMANDS(X) \
  X(test)                 \
  X(report)               \
  X(build) X(shell) X(debug) X(trace) X(exercise) X(decode) X(kernel) X(image) X(cache) X(doctor)

#define KOBOX_DECLARE_COMMAND(name) void add_##name##_command(CLI::App& app, Action& action);
KOBOX_COMMANDS(KOBOX_DECLARE_COMMAND)
#undef KOBOX_DECLARE_COMMAND

}  // namespace kobox
