// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace kobox {

void raise_descriptor_limit() {
  constexpr rlim_t k_enough = 16'384;
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= k_enough) return;
  limit.rlim_cur = std::min(limit.rlim_max, k_enough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace kobox
