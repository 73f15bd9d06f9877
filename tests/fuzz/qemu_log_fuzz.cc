// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's log, in which values of the guest's stand; whole and in pieces it must read the same.
#include <fmt/format.h>

#include <string>

#include "fuzz_target.h"
#include "trace/qemu_log.h"

using namespace kobox;

static std::string read(std::string_view log, std::size_t piece) {
  std::string events;
  QemuLogReader reader(
      {.call = [&](const CallBegin& c) { events += fmt::format("c{} {};", c.id, c.function); },
       .end = [&](const CallEnd& e) { events += fmt::format("e{};", e.id); },
       .exit =
           [&](const Exit& e) {
             events += fmt::format("x{} {} {} {};", e.cpu, e.reason, e.address, e.region);
           }},
      [&](std::string_view line) { events += fmt::format("o{};", line.size()); });
  for (std::size_t at = 0; at < log.size(); at += piece) reader.feed(log.substr(at, piece));
  reader.finish();
  return events + fmt::format("m{}", reader.malformed());
}

FUZZ_TARGET(input) {
  const auto whole = read(input, input.size() + 1);
  REQUIRE(read(input, 1) == whole);
  REQUIRE(read(input, 7) == whole);
}
