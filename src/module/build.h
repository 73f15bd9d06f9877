// SPDX-License-Identifier: GPL-2.0-or-later
// From a module's source folder to its .ko for one kernel, in a private copy.
//
// The user's folder is only read. The copy below the cache is kept, so that kbuild rebuilds only
// what changed; and a module whose sources, kernel and compiler are the same as last time is not
// built at all.
//   builds/<digest of folder and kernel>/{src/,build.json,make.log,lock}
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "base/child.h"
#include "base/deadline.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

struct BuildRequest {
  std::filesystem::path source;  // holds the Kbuild or Makefile
  std::string module_name;       // "" if Kbuild builds just one
  std::filesystem::path cache;   // kobox's cache folder
  Deadline deadline = Deadline::never();
};

struct BuiltModule {
  std::string name;              // as the kernel calls it, with underscores
  std::filesystem::path ko;      // with its DWARF, in the private copy
  std::filesystem::path source;  // the user's folder
  std::filesystem::path copy;    // the private copy that paths in the DWARF point into
  std::string identity;          // digest of the .ko's bytes
  bool fresh = false;            // built now, not taken from the cache
  std::filesystem::path log;     // make's whole output
};

// What the compiler (or modpost, or the linker) said first.
struct BuildFailure {
  std::string message;
  std::string file;  // relative to the user's folder; "" if unknown
  int line = 0;
  std::vector<std::string> log;  // the lines around it
  std::filesystem::path full_log;
};

using BuildOutcome = std::variant<BuiltModule, BuildFailure>;

// Errors (not BuildFailure): usage (no Kbuild or Makefile; more than one module and no name;
// kernel without build tree), environment (compiler or make missing, disk full; a kernel that
// needs another compiler than this host has: names it), timeout, interrupted.
Result<BuildOutcome> build_module(const BuildRequest& request, const Kernel& kernel);

// The make command that build_module would run, for --dry-run.
Result<CommandLine> make_command(const BuildRequest& request, const Kernel& kernel);

// A program for the guest: one C file, compiled static with the host's gcc. The result is cached
// by content.
std::filesystem::path program_output(const std::filesystem::path& cache,
                                     const std::filesystem::path& source);
struct BuiltProgram {
  std::string name;  // "stress" for stress.c
  std::filesystem::path path;
};
using ProgramOutcome = std::variant<BuiltProgram, BuildFailure>;
Result<ProgramOutcome> build_program(const std::filesystem::path& source,
                                     const std::filesystem::path& cache, Deadline deadline);

}  // namespace kobox
