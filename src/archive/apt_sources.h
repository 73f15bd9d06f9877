// SPDX-License-Identifier: GPL-2.0-or-later
// Where this host gets Debian from: read out of its own apt sources, so that kobox uses the same
// mirror and needs no address of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

// One `deb` entry of sources.list(5), in either of its two forms. deb-src is left out.
struct AptSource {
  std::vector<std::string> uris;
  std::vector<std::string> suites;
  std::vector<std::string> components;
  std::string signed_by;          // "" where not said
  std::string check_valid_until;  // "yes", "no", or "" where not said
  bool amd64 = true;              // not limited to other architectures
};

// Lines and stanzas that are not understood are passed over, as they are the host's own matter.
std::vector<AptSource> parse_one_line_sources(std::string_view text);
std::vector<AptSource> parse_deb822_sources(std::string_view text);

struct DebianMirror {
  std::string archive;              // "…/debian"
  std::string security;             // "…/debian-security"; "" where the host uses none
  bool ignore_valid_until = false;  // as the host does for an old snapshot
};

// The mirror among the host's sources: third parties' repositories, which often have Debian's
// suite names, are told apart by their key, components and path. Nothing found is an empty
// archive.
DebianMirror choose_mirror(const std::vector<AptSource>& sources);

// KOBOX_DEBIAN_MIRROR (and KOBOX_DEBIAN_SECURITY_MIRROR) if set, else from the sources.list and
// sources.list.d in `etc` (/etc/apt). ErrorKind::environment if there is none: says what to set.
Result<DebianMirror> host_mirror(const std::filesystem::path& etc);

// A sources file (deb822) with a release of Debian, its updates, and its security updates if the
// mirror has them.
std::string debian_sources(const DebianMirror& mirror, std::string_view release,
                           const std::filesystem::path& keyring);

}  // namespace kobox
