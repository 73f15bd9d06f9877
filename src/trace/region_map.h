// SPDX-License-Identifier: GPL-2.0-or-later
// Which device is at a port or an address, as QEMU's monitor says ("info mtree -f").
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "trace/events.h"

namespace kobox {

class RegionMap {
 public:
  RegionMap() = default;
  // Other lines than those of a flat view are skipped.
  explicit RegionMap(std::string_view mtree);

  // QEMU's name of the memory region: "serial"; "" where nothing is.
  std::string name(Exit::Space space, std::uint64_t address) const;

 private:
  struct Region {
    std::uint64_t last;
    std::string name;
  };
  using Regions = std::map<std::uint64_t, Region>;  // by the first address
  void add(Regions& regions, std::string_view line);

  Regions ports_, memory_;
};

}  // namespace kobox
