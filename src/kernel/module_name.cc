// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module_name.h"

#include <algorithm>

namespace kobox {

std::string kernel_name(std::string_view name) {
  std::string changed(name);
  std::ranges::replace(changed, '-', '_');
  return changed;
}

}  // namespace kobox
