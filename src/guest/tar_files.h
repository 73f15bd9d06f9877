// SPDX-License-Identifier: GPL-2.0-or-later
// Files on their way into a guest and out of it: as a tar, which both guests can read and write.
//
// What comes out is not trusted. Only regular files and directories are taken, each below the
// directory that was given, opened one part of the path at a time and never through a link; how
// many they are and how much they hold is bounded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

struct TarFile {
  std::filesystem::path relative;
  std::filesystem::path origin;  // the file whose bytes are taken; empty for a link
  std::string link;              // where a link points to
  bool executable = false;
};

// The tar's bytes. Errors: environment (a file cannot be read).
Result<std::string> pack_tar(const std::vector<TarFile>& files);

struct UnpackLimits {
  std::uint64_t bytes = std::uint64_t{64} << 20;
  std::size_t entries = 10'000;
};
struct Unpacked {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> left_out;  // links and devices, by name; at most 20
};
// Unpacks a tar from a guest, or several one after the other, into a directory, which is made and
// must not be there yet. Any bytes may be given. Errors: protocol (a path that leads out of the
// directory, or is twice; broken; more than the limits), environment.
Result<Unpacked> unpack_tar(std::string_view bytes, const std::filesystem::path& directory,
                            const UnpackLimits& limits = {});

}  // namespace kobox
