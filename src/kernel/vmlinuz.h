// SPDX-License-Identifier: GPL-2.0-or-later
// From a bzImage to the vmlinux inside it, and what that says of itself.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kobox {

// Source of the offsets: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header":
// payload_offset (0x248) and payload_length (0x24c) count from the end of the setup code.
// The payload is xz, lz4 (legacy frames), zstd or gzip, distinguished by its magic.
// ErrorKind::environment for what is not a bzImage, is cut short, or is packed otherwise.
Result<std::string> unpack_vmlinux(std::string_view bzimage);

// "6.1.0-56-cloud-amd64" from the header's kernel_version field (0x20e).
Result<std::string> bzimage_release(std::string_view bzimage);

// Whether the ELF file has the note that lets QEMU start it directly
// (Xen's XEN_ELFNOTE_PHYS32_ENTRY, type 18, owner "Xen").
Result<bool> has_pvh_entry(const std::filesystem::path& vmlinux);

}  // namespace kobox
