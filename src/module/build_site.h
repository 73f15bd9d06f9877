// SPDX-License-Identifier: GPL-2.0-or-later
// Where a module is built for a kernel: with the host's compiler, or in a build root
// (archive/build_root.h), which has the compiler and the C library that the kernel's own programs
// want, the kernel's build tree at its true path, and of the host nothing but the private copy of
// the sources.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archive/build_root.h"
#include "base/child.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "module/build.h"
#include "module/build_record.h"
#include "module/sandbox.h"
#include "module/toolchain.h"

namespace kobox {

// What is run to build a module.
struct BuildJob {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to the site's own
  std::vector<Sandbox::Step> mounts = {};                             // the same, in a build root
};

class BuildSite {
 public:
  // By BuildRequest::where; makes the root if it is missing. Errors: environment (no such
  // compiler here and no root either: says why, and what to install).
  static Result<BuildSite> choose(const BuildRequest& request, const Kernel& kernel);
  // A build root, with these packages besides what the kernel needs.
  static Result<BuildSite> in_root(const BuildRequest& request, const Kernel& kernel,
                                   const std::vector<std::string>& programs = {});

  // "" for the host, else the build root's.
  const std::string& name() const { return name_; }
  // Goes into the key of what is built here.
  const std::string& identity() const { return identity_; }
  // The program, as make's CC gets it.
  const std::string& compiler() const { return compiler_; }
  // As the site names them.
  std::filesystem::path headers() const { return headers_; }
  std::filesystem::path sources(const BuildPlace& place) const;
  // The copy, with what was taken along.
  std::filesystem::path top(const BuildPlace& place) const;
  // The job's words run with the sources as their directory, once prepare() has been called. Writes
  // nothing.
  Result<CommandLine> command(const BuildPlace& place, BuildJob job) const;
  // Writes into `place` and the build root what the command finds there. Called under the place's
  // lock.
  Result<> prepare(const BuildPlace& place) const;

 private:
  BuildSite() = default;
  static Result<BuildSite> on_host(const Kernel& kernel);
  static std::filesystem::path release_file(const BuildPlace& place);

  std::string name_;
  std::string identity_;
  std::string compiler_;
  std::filesystem::path headers_;
  std::string release_;
  std::optional<BuildRoot> root_;
  std::vector<Sandbox::Step> mounts_;  // the kernel's
};

// A build that has more processes than this at a time is taken for one that would never stop.
inline constexpr std::size_t k_max_processes = 4000;

// The build root for a kernel. ErrorKind::environment if no release of Debian has the compiler that
// it was built with.
Result<BuildRootSpec> build_root_for(const Kernel& kernel);

}  // namespace kobox
