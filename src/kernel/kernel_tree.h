// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel that somebody builds: a source tree that was built in place, or the directory of a build
// with O=.
#pragma once

#include <filesystem>

#include "base/progress.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace kobox {

// Is it a directory that looks like a kernel's tree, configured and built or not?
bool is_kernel_tree(const std::filesystem::path& directory);

// Its image is the tree's bzImage, or its vmlinux where there is no bzImage; its headers are the
// tree, and its modules those that lie in the tree (modules.order), installed or not. Nothing is
// written there. The identity changes when the tree is configured or built again, a single driver
// included.
//
// Errors: usage, each with what to do: no kernel tree, not configured, for another architecture,
// without an option that kobox cannot do without, not built, without Module.symvers; environment
// (unreadable, the image is damaged, cache not writable).
Result<Kernel> kernel_tree(const std::filesystem::path& directory,
                           const std::filesystem::path& kernels, Progress& progress);

// The fragment for `kobox kernel config`: what the tree's .config lacks, required and useful. A
// tree without a .config lacks all. ErrorKind::usage if it is no kernel tree.
Result<std::string> kernel_tree_fragment(const std::filesystem::path& directory);

}  // namespace kobox
