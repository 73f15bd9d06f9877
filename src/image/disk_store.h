// SPDX-License-Identifier: GPL-2.0-or-later
// The disk images in the cache.
//
//   images/NAME/disk.qcow2     the image; nobody writes to it
//               overlay.qcow2  an empty layer of the same size
//               image.json     what it is
//               lock           held shared by whoever uses it
//   images/.locks/NAME         held by who builds it
//
// An image is complete or absent: it is made in a directory of another name, and renamed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "archive/host_files.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "image/disk_recipe.h"
#include "image/guest_disk.h"

namespace kobox {

struct DiskInfo {
  std::string name;
  std::string suite;
  std::string release;  // of its kernel
  std::string kernel_version;
  std::string kernel_identity;        // Kernel::identity when it was built
  std::uint64_t bytes = 0;            // as the guest sees it
  std::vector<std::string> included;  // packages that were asked for
  std::vector<std::string> packages;  // all: "name version"
  std::string recipe;                 // digest of what it was made from
  std::string identity;               // digest of disk.qcow2
  std::filesystem::path directory;

  std::filesystem::path disk() const { return directory / "disk.qcow2"; }
  std::filesystem::path overlay() const { return directory / "overlay.qcow2"; }
};

// An image while it is used: nobody removes it.
struct HeldDisk {
  DiskInfo info;
  FileLock in_use;
};

class DiskStore {
 public:
  explicit DiskStore(const std::filesystem::path& cache, HostFiles host = {})
      : root_(cache / "images"), host_(std::move(host)) {}

  // "bookworm-6.1.0-56-cloud-amd64"
  static std::string default_name(const std::string& suite, const std::string& release);

  // In the order of their names; damaged ones are left out.
  std::vector<DiskInfo> list() const;
  // ErrorKind::usage if there is no image of that name.
  Result<DiskInfo> find(const std::string& name) const;
  Result<HeldDisk> use(const std::string& name) const;

  // Builds an image; one of that name that was made from the same recipe is left as it is, unless
  // `again`. Two processes that want the same make it once. Errors: see build_disk; usage (a name
  // that cannot be one, or that of an image that was made from another recipe).
  enum class Again { no, yes };
  struct Built {
    DiskInfo info;
    bool fresh = false;  // made just now
  };
  Result<Built> build(const std::string& name, const DiskRecipe& recipe, Again again,
                      Progress& progress) const;

  // ErrorKind::usage if there is none, or if it is in use.
  Result<> remove(const std::string& name) const;

 private:
  Result<> discard(const std::string& name) const;

  std::filesystem::path root_;
  HostFiles host_;
};

// Letters, digits and ". + ~ _ -", not beginning with a point; for images and kept layers.
Result<> check_disk_name(const std::string& name);

}  // namespace kobox
