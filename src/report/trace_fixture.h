// SPDX-License-Identifier: GPL-2.0-or-later
// A small trace whose names want to be markup, for tests of what it looks like.
#pragma once

#include "trace/analysis.h"
#include "trace/facts.h"

namespace kobox {

inline constexpr const char* k_hostile = "</script><script>window.broken=1</script><b>&amp;\"'";

inline TraceFacts hostile_facts() {
  return {.module = "mod<i>ule",
          .command = std::string("echo ") + k_hostile,
          .status = 0,
          .kernel = "6.1.0<!--",
          .accel = "kvm",
          .source = "a <test>",
          .ended_early = "it ended <early>",
          .notes = {"a note with <markup>"},
          .events = {{"kvm_<exit>", 3}},
          .not_recorded = {"kvm_<none>"},
          .lost = 2,
          .malformed = 1};
}

// Three exits in two calls of a function at 0xc000 on CPU 1, one elsewhere on CPU 0.
inline void feed_hostile_events(const TraceSink& sink) {
  const auto left = [](unsigned cpu, std::uint64_t ns, std::uint64_t call, std::string reason) {
    return Exit{.cpu = cpu,
                .ns = ns,
                .duration_ns = 250,
                .reason = std::move(reason),
                .rip = 0x8010,
                .call = call,
                .via = call == 0 ? 0U : 0x8000U,
                .space = Exit::Space::port,
                .is_write = true,
                .address = 0x3f8,
                .size = 1,
                .value = 0x41,
                .region = k_hostile};
  };
  sink.call({.id = 1, .function = 0xc000, .cpu = 1, .ns = 1'000'000});
  sink.exit(left(1, 1'000'500, 1, "io"));
  sink.call({.id = 2, .parent = 1, .function = 0xc100, .cpu = 1, .ns = 1'001'000});
  sink.exit(left(1, 1'001'500, 2, "io"));
  sink.end({.id = 2, .cpu = 1, .ns = 1'002'000});
  sink.end({.id = 1, .cpu = 1, .ns = 1'003'000});
  sink.exit(left(0, 1'004'000, 0, "<hlt>"));
  sink.call({.id = 3, .function = 0xc000, .cpu = 1, .ns = 1'005'000});  // does not return
  sink.exit(left(1, 1'005'500, 3, "io"));
}

}  // namespace kobox
