// SPDX-License-Identifier: GPL-2.0-or-later
// Whether something will fit on a disk, asked before it is begun.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace kobox {

// Bytes that an ordinary user may still write to the directory's file system.
Result<std::uint64_t> free_space(const std::filesystem::path& directory);

// ErrorKind::environment if the directory's file system has less than `needed` bytes for an
// ordinary user. what: the subject of the sentence, "the kernel 6.1.0-56-amd64".
Result<> check_space(const std::filesystem::path& directory, std::uint64_t needed,
                     std::string_view what);

}  // namespace kobox
