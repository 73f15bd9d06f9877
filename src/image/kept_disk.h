// SPDX-License-Identifier: GPL-2.0-or-later
// What a disk guest wrote and somebody wants to keep: `kobox shell --persist NAME`.
//
//   <state>/disks/NAME/disk.qcow2  what differs from the image
//                      disk.json   which image that is
//                      lock        held by whoever uses it
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "image/disk_store.h"

namespace kobox {

struct KeptDisk {
  std::filesystem::path layer;
  FileLock in_use;
  bool fresh = false;  // nothing was kept under this name before
};

// Makes it if it is not there. ErrorKind::usage: it is in use; it belongs to another image, or to
// one that was made again.
Result<KeptDisk> open_kept_disk(const std::filesystem::path& state, const std::string& name,
                                const DiskInfo& image);

struct KeptDiskInfo {
  std::string name;
  std::string image;
  std::uint64_t bytes = 0;  // on the host's disk
};
std::vector<KeptDiskInfo> list_kept_disks(const std::filesystem::path& state);
// ErrorKind::usage if there is none, or if it is in use.
Result<> remove_kept_disk(const std::filesystem::path& state, const std::string& name);

}  // namespace kobox
