// SPDX-License-Identifier: GPL-2.0-or-later
// Where this host gets Debian from, as its own apt knows it: kobox uses the same mirror and needs
// no address of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

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

// A sources file (deb822) with a release of Debian, its updates, and its security updates if the
// mirror has them.
std::string debian_sources(const DebianMirror& mirror, std::string_view release,
                           const std::filesystem::path& keyring);

}  // namespace kobox
