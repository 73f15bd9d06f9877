// SPDX-License-Identifier: GPL-2.0-or-later
// Which kernels QEMU cannot start by PVH, though they have an entry for it.
//
// One small file, <cache>/boot.json, keyed by kernel and QEMU; see vm/findings.h.
#pragma once

#include <filesystem>

#include "kernel/kernel.h"

namespace kobox {

// The kernel as it is to be booted: without PVH if an earlier boot by this QEMU found that it needs
// that.
Kernel as_it_boots(Kernel kernel, const std::filesystem::path& qemu,
                   const std::filesystem::path& cache);

void remember_bzimage(const Kernel& kernel, const std::filesystem::path& qemu,
                      const std::filesystem::path& cache);

}  // namespace kobox
