// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/errno_name.h"

#include <cstring>

namespace kobox {

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

std::optional<int> errno_of(std::string_view name) {
  constexpr int k_largest = 4095;  // MAX_ERRNO, include/linux/err.h
  for (int error = 1; error <= k_largest; ++error)
    if (const char* known = ::strerrorname_np(error); known != nullptr && name == known)
      return error;
  return std::nullopt;
}

}  // namespace kobox
