// SPDX-License-Identifier: GPL-2.0-or-later
// The releases of Debian that kobox takes kernels and compilers from, and what is constant about
// each. Everything else is asked of the archive.
#pragma once

#include <span>
#include <string_view>

namespace kobox {

struct Distribution {
  std::string_view name;      // "bookworm"
  std::string_view number;    // "12", as in 6.12.117+deb12; "" where kernels do not carry one
  std::string_view line;      // of the kernel it was released with: "6.1"; "" if not released
  std::string_view compiler;  // that its kernels are built with: "gcc-12"
  std::string_view suites;    // of the archive, with blanks between
  std::string_view security;  // of the security archive; "" if there is none
  bool named_only = false;    // not looked into unless a kernel that only it has is named
};

// Oldest first.
std::span<const Distribution> distributions();
// nullptr if there is none of that name.
const Distribution* find_distribution(std::string_view name);
// Of a suite: "bookworm" for "bookworm-security". nullptr if it is not one of these.
const Distribution* distribution_of_suite(std::string_view suite);
// The one that a kernel release most likely comes from, by its name: 6.12.117+deb12-amd64 is of
// bookworm, 5.10.0-46-amd64 of the one that was released with 5.10. nullptr if the name does not
// tell.
const Distribution* distribution_of_release(std::string_view release);

}  // namespace kobox
