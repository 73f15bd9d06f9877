// SPDX-License-Identifier: GPL-2.0-or-later
// Unpacking a .deb without dpkg, and an .rpm without rpm: only what is wanted, only below one
// directory.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace kobox {

// Where an entry of the package ("usr/src/x/Makefile", no "./" in front) goes below the target
// directory, or nothing if it is not wanted.
using Placement = std::function<std::optional<std::filesystem::path>(std::string_view entry)>;

// Writes the wanted files, directories and symbolic links of the package below `target`, which must
// exist. Owners are not kept. Nothing is written outside: an absolute name, "..", a way through a
// symbolic link, an absolute link or any other kind of entry is an ErrorKind::environment, as is
// a damaged package or a full disk. on_bytes is told how much of the .deb has been read.
Result<> unpack_deb(const std::filesystem::path& deb, const std::filesystem::path& target,
                    const Placement& place, const std::function<void(std::uint64_t)>& on_bytes);

// The same for a package file of either kind, as its first bytes tell. Its signature, if it has
// one, is not looked at. ErrorKind::usage if it is neither, or cannot be read.
Result<> unpack_package(const std::filesystem::path& file, const std::filesystem::path& target,
                        const Placement& place, const std::function<void(std::uint64_t)>& on_bytes);

// unpack_deb where the target is the root of a system of its own. Hard links become files of the
// same content, and every link of the package, absolute or not, leads to the same place below the
// target: one that stays within it wherever the placement has put it. place: also tells where a
// link's target would be.
Result<> unpack_deb_as_root(const std::filesystem::path& deb, const std::filesystem::path& target,
                            const Placement& place,
                            const std::function<void(std::uint64_t)>& on_bytes);

}  // namespace kobox
