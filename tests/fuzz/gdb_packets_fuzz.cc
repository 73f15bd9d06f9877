// SPDX-License-Identifier: GPL-2.0-or-later
// What GDB ('<' and a line) and QEMU's GDB server ('>' and a line) send, in turns.
#include "base/text.h"
#include "fuzz_target.h"
#include "vm/gdb_filter.h"

using namespace kobox;

static GdbFilter::Onward feed(GdbFilter& filter, bool from_gdb, std::string_view bytes) {
  return from_gdb ? filter.from_gdb(bytes) : filter.from_qemu(bytes);
}

FUZZ_TARGET(input) {
  GdbFilter whole, in_pieces;
  std::size_t sent = 0, passed = 0;
  for (const auto& line : split(input, '\n')) {
    const auto text = std::string_view(line);
    if (text.empty()) continue;
    const bool from_gdb = text.front() == '<';
    const auto bytes = text.substr(1);
    const auto at_once = feed(whole, from_gdb, bytes);
    GdbFilter::Onward one_by_one;
    for (const char c : bytes) {
      const auto more = feed(in_pieces, from_gdb, std::string_view(&c, 1));
      one_by_one.to_qemu += more.to_qemu;
      one_by_one.to_gdb += more.to_gdb;
    }
    REQUIRE(at_once == one_by_one);
    sent += bytes.size();
    passed += at_once.to_qemu.size() + at_once.to_gdb.size();
  }
  // Its own reads and their acknowledgements are not longer than the wishes they come from.
  REQUIRE(passed <= 3 * sent + 64);
}
