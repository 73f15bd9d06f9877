// SPDX-License-Identifier: GPL-2.0-or-later
// From a module's source directory to its .ko for one kernel, in a private copy.
//
// The user's directory is only read. The copy below the cache is kept, so that kbuild rebuilds only
// what changed; and a module whose sources, kernel, compiler and flags are the same as at the last
// good build is not built at all (build_record.h says what lies where). It is built with the host's
// compiler or in a build root (build_site.h). The compiler sees none of the user's environment but
// PATH, HOME and the like: KCFLAGS and its kin belong into the Kbuild file, where every run sees
// them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "archive/network.h"
#include "base/child.h"
#include "base/deadline.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "module/build_method.h"
#include "module/seen_paths.h"

namespace kobox {

enum class BuildIn {
  automatic,  // on the host where its compiler is the one that the kernel was built with
  host,
  root,
};
// "auto", "host", "root". ErrorKind::usage for another word.
Result<BuildIn> parse_build_in(std::string_view text);

// The sources of a DKMS package.
struct SourcePackage {
  std::string name;                 // "jool-4.1.9", of its directory in /usr/src
  std::filesystem::path directory;  // on the host
  std::string identity;             // changes with them
};

struct BuildRequest {
  std::filesystem::path source;           // holds the Kbuild or Makefile
  std::vector<std::string> modules = {};  // by name, in load order; empty: all that it builds
  std::filesystem::path cache;            // kobox's cache directory
  BuildMethod method = BuildMethod::automatic;
  std::vector<std::string> make = {};              // arguments for make, such as goals
  std::optional<std::filesystem::path> root = {};  // see find_sources
  // Module.symvers files of other modules' builds, whose symbols this one uses.
  std::vector<std::filesystem::path> symbols = {};
  // The same modules' sources, where dkms builds them: others' dkms.conf look for them in /usr/src.
  std::vector<SourcePackage> packages = {};
  bool is_need = false;  // of another module: then its paths in the build root are no other's
  Deadline deadline = Deadline::never();
  BuildIn where = BuildIn::automatic;
  Network network = Network::allowed;  // for a build root that is not there yet
  Progress* progress = nullptr;        // is told of a build root being made
};

struct BuiltModule {
  std::string name;          // as the kernel calls it, with underscores
  std::filesystem::path ko;  // with its DWARF; this file does not change, whoever builds again
  std::filesystem::path bare = {};  // the same without its debug sections: what goes into a guest,
                                    // which has no use for them and pays for every byte
  std::filesystem::path source;     // the user's directory
  std::filesystem::path copy;      // where it was built: what paths in the DWARF begin with. On the
                                   // host that is the private copy, in a build root its name there.
  std::filesystem::path top = {};  // what holds it and was copied with it; "" if it is the top
  std::string identity;            // digest of the .ko's bytes
  std::vector<std::string> depends = {};  // modules that must be loaded before it, with underscores
  std::vector<std::string> parameters = {};  // names of its parameters, with underscores
  std::vector<std::string> aliases = {};     // patterns, see alias_matches in kernel/aliases.h
  // Names or aliases of modules to load before it and after it, if they are there.
  std::vector<std::string> soft_before = {}, soft_after = {};

  SeenPaths built_at() const { return {copy, top}; }
};

// What one directory builds.
struct BuiltModules {
  std::vector<BuiltModule> modules;  // those that were asked for, and before each what it depends
                                     // on of the same directory; never empty
  BuildMethod method = BuildMethod::kbuild;
  bool fresh = false;                  // built now, not taken from the cache
  std::filesystem::path log;           // make's whole output when it was last run here
  std::filesystem::path symbols = {};  // the Module.symvers of this build; "" if there is none
  std::optional<SourcePackage> package = {};  // of a build by dkms
};

// What the compiler (or modpost, the linker, make) said first.
struct BuildFailure {
  std::string message;
  std::string file;  // relative to the user's directory; "" if unknown
  int line = 0;
  std::vector<std::string> log;    // the lines around it
  std::filesystem::path full_log;  // in the cache; stays until the next build of the same
};

using BuildOutcome = std::variant<BuiltModules, BuildFailure>;

// Blocks for as long as make takes, or until another kobox that builds the same is done. May be
// called from several threads for several kernels.
// Errors (not BuildFailure): usage (no Kbuild or Makefile; no module, or none of a wanted name;
// kernel without build tree), environment (compiler or make missing, disk
// full, no memory; a kernel that needs another compiler than this host has: names it), timeout,
// interrupted.
Result<BuildOutcome> build_modules(const BuildRequest& request, const Kernel& kernel);

// ErrorKind::usage if the directory holds nothing that kbuild could build.
Result<> check_module_source(const std::filesystem::path& directory);

// The make command that build_modules would run, for --dry-run. Makes nothing: where a build root
// is needed that is not there, an ErrorKind::environment.
Result<CommandLine> make_command(const BuildRequest& request, const Kernel& kernel);

// A program for the guest: one C file, compiled static (with threads) by the host's gcc. The
// result is cached by what the preprocessor makes of the file, headers included.
struct BuiltProgram {
  std::string name;  // "stress" for stress.c
  std::filesystem::path path;
};
using ProgramOutcome = std::variant<BuiltProgram, BuildFailure>;
Result<ProgramOutcome> build_program(const std::filesystem::path& source,
                                     const std::filesystem::path& cache, Deadline deadline);

}  // namespace kobox
