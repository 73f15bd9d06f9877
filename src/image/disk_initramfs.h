// SPDX-License-Identifier: GPL-2.0-or-later
// How the kernel of a guest that has its root on a disk gets there.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// The small initramfs with which this kernel finds its root on a virtio disk, made if what it is
// made from has changed: <cache>/guests/DIGEST.cpio. It has kobox's agent too, which takes the
// place of the image's own, so that an image serves newer versions of kobox.
Result<std::filesystem::path> ensure_disk_initramfs(const Kernel& kernel,
                                                    const std::filesystem::path& cache);
// Where that is, or would be made.
Result<std::filesystem::path> disk_initramfs_path(const Kernel& kernel,
                                                  const std::filesystem::path& cache);

enum class WithAgent { no, yes };
// Its bytes. Without the agent it is what an image has in /boot.
Result<std::string> make_disk_initramfs(const Kernel& kernel, WithAgent agent);

}  // namespace kobox
