// SPDX-License-Identifier: GPL-2.0-or-later
// build_program: C files of the user's that run in the guest.
#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "module/build.h"
#include "module/compiler_output.h"
#include "module/toolchain.h"

namespace kobox {
namespace {

// Static, because the small guest has no C library; threads, because a driver's tests need them.
const std::vector<std::string> k_flags = {"-static", "-O2", "-g", "-Wall", "-pthread"};

constexpr std::size_t k_max_preprocessed = std::size_t{256} << 20;

CommandLine compiler_command(const Compiler& compiler, const fs::path& source,
                             const std::vector<std::string>& more) {
  CommandLine command{.argv = {compiler.program},
                      .cwd = source.parent_path(),
                      .environment = build_environment(source.parent_path())};
  auto& argv = command.argv;
  argv.insert(argv.end(), k_flags.begin(), k_flags.end());
  argv.insert(argv.end(), more.begin(), more.end());
  argv.push_back(source.string());
  return command;
}

Result<ProgramOutcome> judge_failure(const std::string& output, const fs::path& source,
                                     const fs::path& log) {
  if (const auto fault = host_fault(output))
    return fail(ErrorKind::environment, "compiling {}: {}", source.string(), *fault);
  auto failure = first_error(output, source.parent_path());
  if (failure.message.find("cannot find -lc") != std::string::npos)
    return fail(ErrorKind::environment,
                "compiling {}: the static C library is not on this host; install it: apt install "
                "libc6-dev",
                source.string());
  KOBOX_CHECK(write_file(log, output));
  failure.full_log = log;
  return failure;
}

}  // namespace

Result<ProgramOutcome> build_program(const fs::path& source, const fs::path& cache,
                                     Deadline deadline) {
  std::error_code error;
  const auto path = fs::canonical(source, error);
  if (error) return fail(ErrorKind::usage, "{}: {}", source.string(), error.message());
  KOBOX_TRY(auto compiler, find_compiler(""));

  // What the preprocessor makes of it holds every header's part: the exact thing to know it by.
  const RunLimits limits{.deadline = deadline, .max_output = k_max_preprocessed};
  KOBOX_TRY(auto text, run_command(compiler_command(compiler, path, {"-E"}), limits));
  Digest digest;
  digest.add(compiler.version).add(join(k_flags, " ")).add(path.native()).add(text.output);
  const auto directory = fs::absolute(cache, error).lexically_normal() / "programs" / digest.hex();
  const auto log = directory / "compiler.log";
  if (!text.status.success()) return judge_failure(text.error, path, log);

  const BuiltProgram program{.name = path.stem().string(), .path = directory / path.stem()};
  if (fs::exists(program.path, error)) return program;
  KOBOX_TRY(auto temp, TempDir::make(directory, "compile"));
  const auto made = temp.path() / path.stem();
  KOBOX_TRY(auto done, run_command(compiler_command(compiler, path, {"-o", made.string()}), limits,
                                   Streams::merged));
  if (!done.status.success()) return judge_failure(done.output, path, log);
  KOBOX_CHECK(rename_path(made, program.path));
  return program;
}

}  // namespace kobox
