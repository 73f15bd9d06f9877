// SPDX-License-Identifier: GPL-2.0-or-later
// Kernels that are not fetched: a vmlinuz file or a kernel tree of the user's, or the running
// kernel's own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "archive/host_files.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// A directory is a kernel tree (kernel_tree.h). Else it is a bzImage anywhere. Its vmlinux is
// unpacked into kernels/by-content/DIGEST/ once. Its modules are its own directory if that is a
// lib/modules/RELEASE; else they are looked for in lib/modules/RELEASE beside its directory and
// then in the host's. Errors: usage (no such file), environment (unreadable, no bzImage, cache not
// writable).
Result<Kernel> local_kernel(const std::filesystem::path& image,
                            const std::filesystem::path& kernels, Progress& progress,
                            const HostFiles& host = {});

// The vmlinux in a bzImage, unpacked once into kernels/by-content/DIGEST, where DIGEST is that of
// the bzImage's bytes. Errors: environment (damaged, cache not writable).
Result<std::filesystem::path> unpacked_vmlinux(const std::filesystem::path& kernels,
                                               std::string_view image, const std::string& release,
                                               Progress& progress);

// The running kernel, with its build tree if that is installed.
Result<Kernel> host_kernel(const std::filesystem::path& kernels, Progress& progress,
                           const HostFiles& host = {});

// Replaces the kernel's build tree by the user's (--headers). ErrorKind::usage if the directory is
// none; a tree of another kernel is used, but noted.
Result<Kernel> with_headers(Kernel kernel, const std::filesystem::path& headers,
                            Progress& progress);

}  // namespace kobox
