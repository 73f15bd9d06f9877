// SPDX-License-Identifier: GPL-2.0-or-later
// Kernels that are not fetched: a vmlinuz file of the user's, or the running kernel's own.
#pragma once

#include <filesystem>

#include "archive/host_files.h"
#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// A bzImage anywhere. Its vmlinux is unpacked into kernels/by-content/DIGEST/ once. Its modules
// are its own directory if that is a lib/modules/RELEASE; else they are looked for in
// lib/modules/RELEASE beside its directory and then in the host's. Errors: usage
// (no such file), environment (unreadable, no bzImage, cache not writable).
Result<Kernel> local_kernel(const std::filesystem::path& image,
                            const std::filesystem::path& kernels, Progress& progress,
                            const HostFiles& host = {});

// The running kernel, with its build tree if that is installed.
Result<Kernel> host_kernel(const std::filesystem::path& kernels, Progress& progress,
                           const HostFiles& host = {});

// Replaces the kernel's build tree by the user's (--headers). ErrorKind::usage if the directory is
// none; a tree of another kernel is used, but noted.
Result<Kernel> with_headers(Kernel kernel, const std::filesystem::path& headers,
                            Progress& progress);

}  // namespace kobox
