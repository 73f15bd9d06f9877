// SPDX-License-Identifier: GPL-2.0-or-later
// What a machine's processors are at, as QEMU's monitor says ("info registers -a"; its text is made
// by x86_cpu_dump_state in target/i386/cpu-dump.c).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "vm/qmp.h"

namespace kobox {

struct CpuState {
  std::uint64_t rip = 0;
  bool halted = false;  // by HLT, until the next interrupt
  bool operator==(const CpuState&) const = default;
};

// One for each processor, in their order. Other lines of the text are skipped.
std::vector<CpuState> parse_registers(std::string_view text);

// While the machine runs. Errors: as QmpClient::execute.
Result<std::vector<CpuState>> cpu_states(QmpClient& monitor, Deadline deadline);

}  // namespace kobox
