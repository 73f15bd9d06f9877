// SPDX-License-Identifier: GPL-2.0-or-later
// The kernels on this machine: found through apt, fetched into the cache, used from there.
//
// Layout below the cache directory:
//   kernels/RELEASE/{vmlinuz,vmlinux,headers/,modules/,kernel.json}   complete or absent
//   kernels/RELEASE.lock           exclusive while it is fetched or removed, shared while used
//   kernels/by-content/DIGEST/vmlinux   unpacked from a vmlinuz of the user's
//   apt/                           private apt state
// A kernel's directory is made beside its place and renamed into it, under a lock, so two kobox may
// want the same kernel at once and an interrupted fetch leaves nothing half. Whoever boots a
// kernel or builds for it holds use_lock (cache.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archive/host_files.h"
#include "archive/network.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/catalogue.h"
#include "kernel/kernel.h"
#include "kernel/selector.h"

namespace kobox {

struct KernelEntry {
  std::string release;
  std::string version;   // Debian package version
  std::string suite;     // "bookworm-security"; "" where not known
  std::string compiler;  // "gcc-12"; "" where not known
  bool has_headers = false;
  bool fetched = false;
  std::uint64_t bytes = 0;  // on disk when fetched, to download when not
};

class KernelStore {
 public:
  // cache: kobox's cache directory. progress must outlive the store.
  KernelStore(std::filesystem::path cache, Network network, Progress& progress,
              HostFiles host = {});

  // The kernel of a selector, fetched if it is missing. For a line the newest one that is fetched
  // will do, without a look at the archive; only if there is none is the archive asked. `headers`
  // overrides the build tree (--headers). Errors: usage (no such kernel; says which are near),
  // environment (no network, disk full, --offline: names the command that would fetch it),
  // interrupted.
  Result<Kernel> ensure(const Selector& selector,
                        const std::optional<std::filesystem::path>& headers);

  // The kernels that a selection means, oldest first for words such as "all": lines, releases and
  // paths, each of which ensure() takes. Not fetched yet. Offline, "all" is what is fetched. The
  // line of a release of Debian that cannot be asked is among them: it must not be left out
  // unnoticed.
  // ErrorKind::usage if there are none.
  Result<std::vector<Selector>> expand(const Selection& selection);

  // For `kobox kernel fetch`: as ensure, but a line means the newest one that Debian has now.
  // ErrorKind::usage for a path or the host's kernel, which are not fetched.
  Result<Kernel> fetch(const Selector& selector);

  // What Debian offers (without the releases that have to be named) and what is fetched, newest
  // first. With Network::forbidden, or when the
  // archive cannot be reached, only what is known locally.
  Result<std::vector<KernelEntry>> list();

  // Fetched kernels only, newest first; nothing is fetched. Damaged ones are left out.
  Result<std::vector<Kernel>> fetched() const;

 private:
  std::filesystem::path kernels() const { return cache_ / "kernels"; }
  std::vector<std::string> fetched_releases() const;
  Result<Kernel> find(const Selector& selector);
  // What of the fetched kernels a line or release names: the newest with headers, or else the
  // newest of a line.
  struct Fetched {
    std::optional<Kernel> kernel = {};
    std::string damaged = {};  // the newest that cannot be used, and what is wrong with it
    std::string damage = {};
  };
  Result<Fetched> among_fetched(const Selector& selector) const;
  Result<Kernel> from_archive(const Selector& selector);
  // Newest first, of one release of Debian or of all that need not be named; what is fetched alone
  // where the network is forbidden.
  // `unasked`: those releases of Debian of which nothing could be found out.
  Result<std::vector<Offer>> offers(const Distribution* from,
                                    std::vector<const Distribution*>& unasked);
  Result<std::vector<Selector>> members_of(const Selector& group);

  std::filesystem::path cache_;
  Network network_;
  Progress& progress_;
  HostFiles host_;
};

}  // namespace kobox
