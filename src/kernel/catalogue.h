// SPDX-License-Identifier: GPL-2.0-or-later
// Debian's offer of kernels over all its releases, refreshed no more often than needed. A release
// of Debian is looked into when it is needed: for a line that one of them was released with, that
// one alone is asked.
#pragma once

#include <filesystem>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "archive/apt.h"
#include "archive/package_index.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/selector.h"

namespace kobox {

// A kernel and where it is to be had.
struct Offer {
  std::string release;
  const Distribution* distribution = nullptr;
  bool has_headers = false;
};

class Catalogue {
 public:
  enum class Refresh { when_old, never };

  // directory: <cache>/apt. progress must outlive the object.
  Catalogue(std::filesystem::path directory, Progress& progress, Refresh refresh, HostFiles host);

  // All kernels of the releases that need not be named, newest first. Lists that are missing or
  // older than a day are refreshed first. If that fails and there are old ones, a note says so and
  // those are used. A release of Debian that cannot be asked at all is left out with a note and
  // is in unanswered(); it is an error where none can.
  Result<std::vector<Offer>> offers();
  const std::vector<const Distribution*>& unanswered() const { return unanswered_; }
  // The same of one release of Debian.
  Result<std::vector<Offer>> offers_of(const Distribution& distribution);

  // The packages of the kernel that a line or release names, and whose apt has them. Of a line the
  // newest with headers, or the newest where none has any. What the lists do not have is looked for
  // once more in refreshed ones. ErrorKind::usage if it is not there either.
  struct Found {
    KernelPackages packages;
    const Apt* apt = nullptr;
  };
  Result<Found> find(const Selector& selector);
  // Of an offer.
  Result<KernelPackages> packages_for(const Offer& offer);

  // Refreshes what was looked into, unless that was done before; false if it was.
  Result<bool> refresh();

 private:
  struct Shelf {
    Apt apt;
    PackageIndex index = {};
    bool fresh = false;  // refreshed by this object
  };
  Result<Shelf*> open(const Distribution& distribution);
  Result<> update(Shelf& shelf);
  Result<std::vector<Offer>> offers_of(std::span<const Distribution* const> distributions);
  Result<Found> look_up(const Selector& selector);

  std::filesystem::path directory_;
  Progress& progress_;
  Refresh refresh_;
  HostFiles host_;
  std::list<Shelf> shelves_;
  std::vector<const Distribution*> unanswered_;
};

}  // namespace kobox
