// SPDX-License-Identifier: GPL-2.0-or-later
// apt with a private state below the cache: for any user, with no root, and without a trace in
// the host's own apt. The host's proxies and other Acquire settings hold; its sources, pins and
// hooks do not. Every package is checked by apt against Debian's signatures.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/host_files.h"
#include "archive/package_index.h"
#include "base/deadline.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace kobox {

// The release of Debian's whose kernels kobox fetches.
inline constexpr std::string_view k_kernel_suite = "bookworm";

class Apt {
 public:
  // directory: <cache>/apt, made when it is needed. progress must outlive the object.
  Apt(std::filesystem::path directory, Progress& progress, HostFiles host = {});

  // How old the lists are; Duration::max() if there are none, or if they are of other sources
  // than those now wanted.
  Duration age() const;
  // `apt-get update`. Up to five minutes. ErrorKind::environment with apt's own words.
  Result<> update();
  // What the lists on disk say; empty if there are none. Does not touch the network.
  Result<PackageIndex> index() const;
  // Downloads into a directory that is there; the files of it are then the .debs. on_bytes is told
  // how much there is already. Up to two hours.
  Result<> download(const std::vector<DebPackage>& packages, const std::filesystem::path& into,
                    const std::function<void(std::uint64_t)>& on_bytes) const;

 private:
  Result<std::string> sources() const;
  std::string config() const;
  Result<FileLock> lock() const;
  Result<> prepare(const std::string& sources) const;
  Result<std::string> run(std::vector<std::string> words, Duration limit,
                          const std::optional<std::filesystem::path>& cwd,
                          const std::function<void(std::string_view)>& sink) const;

  std::filesystem::path directory_;
  Progress& progress_;
  HostFiles host_;
};

// The errors in what apt has written, without what it says besides; all of a text without any.
std::string apt_errors(std::string_view text);

// "dlstatus:2:79.6331:Retrieving file 2 of 2" → 0.796331; nothing for any other line.
std::optional<double> parse_download_status(std::string_view line);

}  // namespace kobox
