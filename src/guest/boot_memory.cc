// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/boot_memory.h"

#include "base/files.h"
#include "vm/findings.h"

namespace kobox {
namespace {

constexpr const char* k_by_bzimage = "bzImage";

Findings findings(const fs::path& cache) { return Findings(cache / "boot.json"); }

std::string key_of(const Kernel& kernel, const fs::path& qemu) {
  return Digest().add(kernel.identity).add(program_stamp(qemu)).hex();
}

}  // namespace

Kernel as_it_boots(Kernel kernel, const fs::path& qemu, const fs::path& cache) {
  if (kernel.pvh && !kernel.vmlinuz.empty() &&
      findings(cache).recall(key_of(kernel, qemu)) == k_by_bzimage)
    kernel.pvh = false;
  return kernel;
}

void remember_bzimage(const Kernel& kernel, const fs::path& qemu, const fs::path& cache) {
  findings(cache).remember(key_of(kernel, qemu), k_by_bzimage);
}

}  // namespace kobox
