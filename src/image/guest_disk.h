// SPDX-License-Identifier: GPL-2.0-or-later
// The disk of a guest, as a value.
#pragma once

#include <filesystem>
#include <string>

namespace kobox {

enum class BootFrom {
  kernel,  // QEMU loads the kernel and the initramfs
  disk,    // the disk's own boot loader does
};

// The disk of a guest (image/disk_store.h).
struct GuestDisk {
  std::filesystem::path image;  // qcow2, only read
  std::filesystem::path
      overlay;           // an empty qcow2 of the same size: what each machine gets a copy of
  std::string identity;  // changes when the image does
  BootFrom boot = BootFrom::kernel;
  // A layer that the machine writes to and that stays; empty: one that goes away with it.
  std::filesystem::path kept_layer = {};
};

}  // namespace kobox
