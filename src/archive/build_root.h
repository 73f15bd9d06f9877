// SPDX-License-Identifier: GPL-2.0-or-later
// Build roots: a small Debian below the cache, with one compiler and what kernels' build trees
// need, for kernels that want another compiler or C library than the host has.
//
// A root is made from signed packages without root's rights: they are unpacked, not installed, and
// nothing of them is run. Layout below the cache:
//   roots/trixie-gcc-14/root/       the file system; /usr is merged (bin → usr/bin, …)
//   roots/trixie-gcc-14/root.json   its packages with their versions; written last
//   roots/trixie-gcc-14.lock        exclusive while it is made or removed, shared while it is used
// It is made beside its place and renamed into it: complete or absent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "archive/distribution.h"
#include "archive/host_files.h"
#include "archive/network.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace kobox {

struct BuildRootSpec {
  const Distribution* distribution = nullptr;
  std::string compiler;            // "gcc-14"
  std::vector<std::string> needs;  // packages besides the compiler and what every build needs

  // "trixie-gcc-14"
  std::string name() const;
};

struct BuildRoot {
  std::filesystem::path root;
  std::string identity;  // changes with any of its packages
  FileLock lock;         // while it is held, the root stays as it is
};

// The directories of a root onto which something is mounted while it is used; they are empty.
inline constexpr const char* k_root_module = "/module";              // the module's sources
inline constexpr const char* k_root_release = "/etc/kobox-release";  // the kernel's release, a file
inline constexpr const char* k_root_preload = "/usr/lib/kobox-uname.so";

// The root, made if it is not there, or not with all that is needed. Blocks while another kobox
// makes it. Errors: environment (no network, no space, --offline, a package that is gone: says
// what to do), interrupted.
Result<BuildRoot> ensure_build_root(const std::filesystem::path& cache, const BuildRootSpec& spec,
                                    Network network, Progress& progress, HostFiles host = {});

// Is it there, complete? It may lack a package that a kernel needs.
bool has_build_root(const std::filesystem::path& cache, const BuildRootSpec& spec);

// Makes an empty directory in the root to mount something on, such as /usr/lib/linux-kbuild-6.1.
Result<> make_mount_point(const BuildRoot& root, const std::filesystem::path& path);

// Where an entry of a package goes in a root, or nothing for what no build needs (documentation,
// translations, sanitizers). For the tests.
std::optional<std::filesystem::path> place_in_root(std::string_view entry);

}  // namespace kobox
