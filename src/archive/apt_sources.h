// SPDX-License-Identifier: GPL-2.0-or-later
// Where this host gets Debian from, as its own apt knows it: kobox uses the same mirror and needs
// no address of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "archive/distribution.h"
#include "base/result.h"

namespace kobox {

struct DebianMirror {
  std::string archive;   // "…/debian"
  std::string security;  // "…/debian-security"; "" where the host uses none
  // A snapshot of the archive at some past time, whose lists are out of date by their own word.
  bool is_snapshot = false;
};

// The mirror among the package lists that `apt-get update --print-uris` names. Third parties'
// repositories, which often have Debian's suite names, are distinguished by component, path and the
// suites beside. Nothing found is an empty archive.
DebianMirror choose_mirror(std::string_view uris);

// KOBOX_DEBIAN_MIRROR (and KOBOX_DEBIAN_SECURITY_MIRROR) if set, else what apt takes from the
// configuration in `etc` (/etc/apt), whether it has ever fetched a list or not.
// ErrorKind::environment if there is none: says what to set.
Result<DebianMirror> host_mirror(const std::filesystem::path& etc);

// A sources file (deb822) with the suites of a release of Debian, those of the security archive if
// the mirror has one.
std::string debian_sources(const DebianMirror& mirror, const Distribution& distribution,
                           const std::filesystem::path& keyring);

}  // namespace kobox
