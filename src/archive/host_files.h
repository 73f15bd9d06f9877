// SPDX-License-Identifier: GPL-2.0-or-later
// The places on the host that the rooms of kernels read (and never write); replaced in tests.
#pragma once

#include <filesystem>
#include <string>

namespace kobox {

struct HostFiles {
  std::filesystem::path apt = "/etc/apt";
  std::filesystem::path keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  std::filesystem::path boot = "/boot";
  std::filesystem::path modules = "/lib/modules";
  std::string release = {};  // the running kernel's; "": as uname(2) says
};

}  // namespace kobox
