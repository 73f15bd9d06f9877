// SPDX-License-Identifier: GPL-2.0-or-later
// What apt's package lists say of Debian's kernels.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

struct DebPackage {
  std::string name;
  std::string version;
  std::string suite;    // "bookworm-security"
  std::string depends;  // as written
  std::uint64_t download_bytes = 0;
  std::uint64_t installed_bytes = 0;
};

// All that has to be fetched for one kernel: its image and its build tree.
struct KernelPackages {
  std::string release;
  std::string version;  // of the image
  std::string suite;
  bool has_headers = true;           // an image without them can be booted, not built for
  std::vector<DebPackage> packages;  // the image first
  // What its build tree needs besides of Debian ("gcc-12", "libelf1"): by name.
  std::vector<std::string> build_needs;
  std::uint64_t download_bytes = 0;
  std::uint64_t installed_bytes = 0;
};

// The stanzas of a Packages list that are about kernels, a blank line behind each.
std::string kernel_stanzas(std::string_view list);

class PackageIndex {
 public:
  // Adds the stanzas of one Packages list whose names start with "linux-". A stanza without
  // name, version or size, or with a malformed number, is an ErrorKind::protocol.
  Result<> add(std::string_view list, std::string_view suite);

  // Releases of the stock kernels for default_arch(), newest first (release.h says which those
  // are).
  std::vector<std::string> releases() const;
  // Does the archive have its headers? It keeps the images of many releases without them.
  bool has_headers(const std::string& release) const;
  // ErrorKind::usage if there is no such release (and which are near), environment if a package
  // that it depends on is missing.
  Result<KernelPackages> packages_for(const std::string& release) const;

 private:
  const DebPackage* find(const std::string& name, std::string_view relation,
                         std::string_view version) const;
  const DebPackage* resolve(std::string_view alternatives) const;
  Result<> add_with_dependencies(const DebPackage& package, KernelPackages& into) const;

  // By name; all versions of it.
  std::map<std::string, std::vector<DebPackage>> packages_;
};

}  // namespace kobox
