// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/region_map.h"

#include "base/text.h"

namespace kobox {

// FlatView #0
//  AS "I/O", root: io
//  Root memory region: io
//   0000000000000000-0000000000000007 (prio 0, i/o): dma-chan
RegionMap::RegionMap(std::string_view mtree) {
  Regions* regions = nullptr;
  for (const auto line : lines_of(mtree)) {
    const auto words = trim(line);
    if (words.starts_with("FlatView")) regions = nullptr;
    if (words.starts_with("AS \"I/O\"")) regions = &ports_;
    if (words.starts_with("AS \"memory\"")) regions = &memory_;
    if (regions != nullptr) add(*regions, words);
  }
}

void RegionMap::add(Regions& regions, std::string_view line) {
  const auto dash = line.find('-');
  const auto space = line.find(' ');
  const auto colon = line.find("): ");
  if (dash == std::string_view::npos || colon == std::string_view::npos || dash > space ||
      space > colon)
    return;
  const auto first = parse_hex(line.substr(0, dash));
  const auto last = parse_hex(line.substr(dash + 1, space - dash - 1));
  if (!first || !last) return;
  auto name = line.substr(colon + 3);
  name = name.substr(0, name.find(" @"));
  regions.insert_or_assign(*first, Region{*last, std::string(name)});
}

std::string RegionMap::name(Exit::Space space, std::uint64_t address) const {
  const auto& regions = space == Exit::Space::port ? ports_ : memory_;
  auto after = regions.upper_bound(address);
  if (after == regions.begin()) return "";
  --after;
  return address <= after->second.last ? after->second.name : "";
}

}  // namespace kobox
