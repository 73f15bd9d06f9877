// SPDX-License-Identifier: GPL-2.0-or-later
// apt with a private state below the cache, one for each release of Debian: for any user, with no
// root, and without a trace in the host's own apt. The host's proxies and other Acquire settings
// hold; its sources, pins and hooks do not. Every package is checked by apt against Debian's
// signatures.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/distribution.h"
#include "archive/host_files.h"
#include "archive/package_index.h"
#include "base/child.h"
#include "base/deadline.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace kobox {

class Apt {
 public:
  // all: <cache>/apt, below which the release has its directory; made when it is needed. progress
  // must outlive the object.
  Apt(const std::filesystem::path& all, const Distribution& distribution, Progress& progress,
      HostFiles host = {});

  const Distribution& distribution() const { return *distribution_; }

  // How old the lists are; Duration::max() if there are none, or if they are of other sources
  // than those now wanted.
  Duration age() const;
  // `apt-get update`. Up to five minutes. Suites that the mirror does not have are left out.
  // ErrorKind::environment with apt's own words for anything else, such as a signature by a key
  // that is unknown or has expired.
  Result<> update();
  // The suites that the last update left out.
  std::vector<std::string> left_out() const;
  // What the lists on disk say of kernels; empty if there are none. Does not touch the network.
  Result<PackageIndex> index() const;
  // Of these names those that are packages. Does not touch the network.
  Result<std::vector<std::string>> known(const std::vector<std::string>& names) const;
  // All packages that have to be there for these to be there, without what is only recommended.
  // suite and depends are left empty. ErrorKind::environment if there is no such package.
  Result<std::vector<DebPackage>> closure(const std::vector<std::string>& names) const;
  // Downloads into a directory that is there; the files of it are then the .debs. on_bytes is told
  // how much there is already. Up to two hours.
  Result<> download(const std::vector<DebPackage>& packages, const std::filesystem::path& into,
                    const std::function<void(std::uint64_t)>& on_bytes) const;

 private:
  Result<std::string> sources() const;
  std::string config() const;
  Result<FileLock> lock() const;
  Result<> prepare(const std::string& sources) const;
  Result<> judge_update(const CommandResult& update) const;
  Result<> extract_kernels() const;
  // apt-get or apt-cache, with the configuration put behind the program's name.
  Result<CommandResult> call(std::vector<std::string> words, Duration limit,
                             const std::optional<std::filesystem::path>& cwd = {},
                             const std::function<void(std::string_view)>& sink = {}) const;
  // The same, where it is an error that it fails.
  Result<std::string> run(std::vector<std::string> words, Duration limit,
                          const std::optional<std::filesystem::path>& cwd = {},
                          const std::function<void(std::string_view)>& sink = {}) const;

  const Distribution* distribution_;
  std::filesystem::path directory_;
  Progress& progress_;
  HostFiles host_;
};

// The errors in what apt has written, without what it says besides; all of a text without any.
std::string apt_errors(std::string_view text);

// The suites that apt could not update because the mirror does not have them
// ("bullseye-backports"). Nothing if there is an error of another kind beside them.
std::optional<std::vector<std::string>> missing_suites(std::string_view text);

// What `apt-get install --print-uris` would fetch. ErrorKind::protocol for a line that is not
// understood.
Result<std::vector<DebPackage>> parse_print_uris(std::string_view text);

// "dlstatus:2:79.6331:Retrieving file 2 of 2" → 0.796331; nothing for any other line.
std::optional<double> parse_download_status(std::string_view line);

}  // namespace kobox
