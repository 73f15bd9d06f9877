// SPDX-License-Identifier: GPL-2.0-or-later
// The small guest: an initramfs with the agent as PID 1, busybox, and the drivers of one kernel.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// The agent's binary: beside kobox as installed (../libexec/kobox/kobox-agent) or as built, or
// what KOBOX_AGENT names. ErrorKind::environment if it is in neither place.
Result<std::filesystem::path> find_agent();

// A static busybox; ErrorKind::environment names the package that has it.
Result<std::filesystem::path> find_busybox();

// Where the initramfs for a kernel is, or would be made: <cache>/guests/DIGEST.cpio.
Result<std::filesystem::path> initramfs_path(const Kernel& kernel,
                                             const std::filesystem::path& cache);

// The initramfs for a kernel, made if what it is made from has changed.
// An uncompressed newc archive: the kernel unpacks that faster than anything it must decompress.
Result<std::filesystem::path> ensure_initramfs(const Kernel& kernel,
                                               const std::filesystem::path& cache);

}  // namespace kobox
