// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel that can be booted and built for: a plain value that names files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/arch.h"

namespace kobox {

struct Kernel {
  std::string release;  // as uname -r says: "6.1.0-56-cloud-amd64"
  const Arch* arch = &default_arch();
  std::string version;  // the Debian package's version, "" for a path or the host's kernel
  std::filesystem::path vmlinuz;  // the bzImage
  std::filesystem::path vmlinux;  // unpacked ELF file
  bool pvh = false;               // vmlinux has a PVH entry (ELF note XEN_ELFNOTE_PHYS32_ENTRY, 18)
  std::filesystem::path headers;  // build tree for modules; empty if there is none
  std::filesystem::path modules;  // lib/modules/RELEASE; empty if there is none
  std::string compiler;           // that built it, by major release: "gcc-12"; "" if unknown
  // Of a kernel of Debian's: the release of Debian that it is from ("bookworm"), and the packages
  // that its build tree needs besides its own ("libelf1").
  std::string distribution = {};
  std::vector<std::string> build_needs = {};
  std::string identity;  // changes when any of the files does; part of cache keys

  // What QEMU's -kernel gets: the vmlinux where PVH boots it, the bzImage where not.
  const std::filesystem::path& boot_image() const { return pvh ? vmlinux : vmlinuz; }
};

}  // namespace kobox
