// SPDX-License-Identifier: GPL-2.0-or-later
// The kernels on this machine: found through apt, fetched into the cache, used from there.
//
// Layout below the cache folder:
//   kernels/RELEASE/{vmlinuz,vmlinux,headers/,modules/,kernel.json}   complete or absent
//   apt/                                                             private apt state
// A kernel's folder is made beside its place and renamed into it, under a lock, so two kobox may
// want the same kernel at once and an interrupted fetch leaves nothing half.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel.h"
#include "kernel/selector.h"

namespace kobox {

enum class Network { allowed, forbidden };

struct KernelEntry {
  std::string release;
  std::string version;  // Debian package version
  std::string suite;    // "bookworm-security"; "" where not known
  bool fetched = false;
  std::uint64_t bytes = 0;  // on disk when fetched, to download when not
};

class KernelStore {
 public:
  // cache: kobox's cache folder. progress must outlive the store.
  KernelStore(std::filesystem::path cache, Network network, Progress& progress);

  // The kernel of a selector, fetched if it is missing. `headers` overrides the build tree
  // (--headers). Errors: usage (no such kernel; says which are near), environment (no network,
  // disk full, --offline: names the command that would fetch it), interrupted.
  Result<Kernel> ensure(const Selector& selector,
                        const std::optional<std::filesystem::path>& headers);

  // What Debian offers and what is fetched, newest first. With Network::forbidden, or when the
  // archive cannot be reached, only what is known locally.
  Result<std::vector<KernelEntry>> list();

  // Fetched kernels only; nothing is fetched.
  Result<std::vector<Kernel>> fetched() const;

 private:
  std::filesystem::path cache_;
  Network network_;
  Progress& progress_;
};

}  // namespace kobox
