// SPDX-License-Identifier: GPL-2.0-or-later
// The places in code that the kernel prints: symbols with offsets, alone, in call traces and in
// register dumps. Input is untrusted; whatever is not exactly of the form is nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kobox {

// "dev_write+0x12/0x90 [qemu_exercise]"
struct TraceFrame {
  std::string function;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string module;    // "" for the kernel itself
  bool reliable = true;  // false for "? name+0x…"

  bool operator==(const TraceFrame&) const = default;
};

// A line of a call trace that is nothing else: " ? dev_write+0x12/0x90 [qemu_exercise]", with or
// without the address ("[<ffffffffc0000012>]") of older kernels.
std::optional<TraceFrame> parse_trace_line(std::string_view line);
// The kernel's place of a "RIP: 0010:…" line; nothing for user space's and for bare addresses.
std::optional<TraceFrame> parse_rip_line(std::string_view line);
// The first symbol with an offset anywhere in a line, as in "WARNING: … at a.c:3 f+0x1/0x2 [m]".
std::optional<TraceFrame> find_frame(std::string_view line);

struct PlacedFrame {
  TraceFrame frame;
  std::size_t end = 0;  // where the line goes on after it
};
// All of them, in the line's order.
std::vector<PlacedFrame> find_frames(std::string_view line);

}  // namespace kobox
