// SPDX-License-Identifier: GPL-2.0-or-later
// What kobox tells the plugin: a file that both map. The plugin is loaded before the module is; the
// addresses come later, and the recording is switched on and off here.
#pragma once

#include <atomic>
#include <cstdint>

namespace kobox {

struct TraceControl {
  static constexpr std::uint32_t k_version = 2;
  static constexpr std::uint32_t k_max_functions = 16384;
  static constexpr std::uint32_t k_max_ranges = 64;

  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
  };

  std::uint32_t version;
  std::atomic<std::uint32_t> recording;  // 0 or 1; set after all else
  std::uint32_t range_count;
  std::uint32_t function_count;
  Range entries;                             // the kernel's code that interrupts enter by
  Range ranges[k_max_ranges];                // the module's code, as it lies in the guest
  std::uint64_t functions[k_max_functions];  // where its functions begin, ascending
};

}  // namespace kobox
