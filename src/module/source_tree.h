// SPDX-License-Identifier: GPL-2.0-or-later
// What of a directory is the module's source, and keeping a private copy of it up to date.
//
// Source is every file of the directory and its visible subdirectories, except what kbuild makes
// (objects, .ko, .mod.c, .*.cmd, Module.symvers, …), what editors leave behind, and kobox.toml.
// Files elsewhere, to which a link of the directory leads, are copied as if they lay there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

struct SourceEntry {
  std::filesystem::path relative;
  std::filesystem::path origin;  // the file whose bytes are copied; empty for a link
  std::string link;              // where the link points to, relative to itself
  bool executable = false;
};

struct SourceLimits {
  std::uint64_t bytes = std::uint64_t{200} << 20;
  std::size_t files = 20'000;
};

// Whether kbuild or an editor made a file of this name, or it is kobox's own. `relative`: its path
// below what is copied. `inside`: the module's directory there; "" if that is the same.
bool is_build_product(const std::filesystem::path& relative,
                      const std::filesystem::path& inside = {});

using WantedSource = std::function<bool(const std::filesystem::path& relative)>;

// What becomes of a link that leads out of the directory. `copied`: it becomes a copy of the file
// or directory that it leads to; where there is none, or one that holds the directory or the link
// itself, it is left out. `listed`: it is an entry as it stands, which must not be copied.
enum class OuterLinks { copied, listed };

struct SourceSelection {
  SourceLimits limits = {};
  std::filesystem::path inside = {};  // the module's directory below the one that is listed
  // Which of the files and links are taken, by their path below the directory; all without it.
  WantedSource is_wanted = {};
  OuterLinks outer_links = OuterLinks::copied;
};

// The entries in the order of their paths. `skip` (kobox's cache) is left out if it lies inside.
// A link that stays among the sources is kept as a link, a relative one. ErrorKind::usage for a
// directory that passes the limits.
Result<std::vector<SourceEntry>> list_sources(const std::filesystem::path& directory,
                                              const std::filesystem::path& skip,
                                              const SourceSelection& selection = {});

// Makes `copy` hold the entries and gives the digest of what it then holds. Unchanged files keep
// their times and kbuild's products stay, so that make rebuilds only what changed. When a source
// is gone the copy starts empty, products included: kbuild would go on linking the old
// object. `manifest` (a file beside the copy) remembers what was copied; without it the copy starts
// empty too, and so it does where a build has put a link in the place of a directory. The caller
// holds the lock of the copy.
Result<std::string> sync_sources(const std::vector<SourceEntry>& entries,
                                 const std::filesystem::path& copy,
                                 const std::filesystem::path& manifest);

}  // namespace kobox
