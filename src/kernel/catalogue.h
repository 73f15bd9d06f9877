// SPDX-License-Identifier: GPL-2.0-or-later
// Debian's offer of kernels, refreshed no more often than needed.
#pragma once

#include <string>

#include "archive/apt.h"
#include "archive/package_index.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/selector.h"

namespace kobox {

class Catalogue {
 public:
  enum class Refresh { when_old, never };

  // Reads the lists; those that are missing or older than a day are refreshed first. If that
  // fails and there are old lists, a note says so and those are used.
  static Result<Catalogue> open(Apt& apt, Progress& progress, Refresh refresh);

  // The packages of the kernel that a line or release names. What the lists do not have is looked
  // for once more in refreshed ones. ErrorKind::usage if it is not there either.
  Result<KernelPackages> packages_for(const Selector& selector);

  // Refreshes unless that was done before; false if it was.
  Result<bool> refresh();

  const PackageIndex& index() const { return index_; }

 private:
  Catalogue(Apt& apt, bool may_refresh) : apt_(&apt), may_refresh_(may_refresh) {}
  Result<KernelPackages> look_up(const Selector& selector) const;

  Apt* apt_;
  bool may_refresh_;
  PackageIndex index_;
};

}  // namespace kobox
