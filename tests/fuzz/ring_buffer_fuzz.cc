// SPDX-License-Identifier: GPL-2.0-or-later
// A page of a guest's ring buffer, and what is made of its records. The page is filled up with
// zeros.
#include <set>
#include <string>

#include "fuzz_target.h"
#include "trace/kvm_reader.h"
#include "trace/ring_buffer.h"

using namespace kobox;

static EventFormat format(const char* name, unsigned id, const char* field) {
  return {.name = name, .id = id, .fields = {{field, {8, 8}}}};
}

FUZZ_TARGET(input) {
  std::string page(input.substr(0, k_ring_page));
  page.resize(k_ring_page);
  std::set<std::uint64_t> open;
  std::uint64_t last = 0;
  GuestActivity guest({format("funcgraph_entry", 1, "func"), format("funcgraph_exit", 2, "func"),
                       format("sched_switch", 3, "next_pid"), format("softirq_entry", 4, "vec"),
                       format("softirq_exit", 5, "vec")},
                      [](std::uint64_t address) { return (address & 1) != 0; },
                      {.call =
                           [&](const CallBegin& call) {
                             REQUIRE(call.id == ++last);
                             REQUIRE(call.parent == 0 || open.contains(call.parent));
                             open.insert(call.id);
                           },
                       .end = [&](const CallEnd& end) { REQUIRE(open.erase(end.id) == 1); },
                       .exit = {}});
  RingPage ring(page);
  std::size_t bytes = 0;
  while (const auto record = ring.next()) {
    REQUIRE(record->data.empty() ||
            (record->data.data() >= page.data() + 16 &&
             record->data.data() + record->data.size() <= page.data() + page.size()));
    bytes += record->data.size() + 4;
    REQUIRE(bytes <= k_ring_page);
    guest.take(record->time & 3, record->time, record->data);
    const auto active = guest.active(0);
    REQUIRE(active.call == 0 || open.contains(active.call));
  }
}
