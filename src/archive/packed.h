// SPDX-License-Identifier: GPL-2.0-or-later
// Compressed bytes, as the kernel's image and its modules have them. The bytes may be garbage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kobox {

enum class Packing { none, gzip, xz, lz4, zstd };

// By the magic bytes at the front.
Packing packing_of(std::string_view bytes);

// One stream of the given packing, up to its end. ErrorKind::environment if it is damaged, cut
// short, or larger than max when unpacked; interrupted.
Result<std::string> unpack_bytes(std::string_view packed, Packing packing, std::uint64_t max);

}  // namespace kobox
