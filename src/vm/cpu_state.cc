// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/cpu_state.h"

#include "base/text.h"

namespace kobox {

// CPU#0
// RAX=… RBX=… RCX=… RDX=…
// …
// RIP=ffffffff81a17a0b RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
//
// A processor in 16- or 32-bit mode has EIP= there.
std::vector<CpuState> parse_registers(std::string_view text) {
  std::vector<CpuState> states;
  for (const auto line : lines_of(text)) {
    const auto words = split(trim(line), ' ');
    const auto& first = words.front();
    if (!first.starts_with("RIP=") && !first.starts_with("EIP=")) continue;
    const auto rip = parse_hex(std::string_view(first).substr(4));
    if (rip) states.push_back({*rip, words.back() == "HLT=1"});
  }
  return states;
}

Result<std::vector<CpuState>> cpu_states(QmpClient& monitor, Deadline deadline) {
  KOBOX_TRY(const auto text, monitor.execute("human-monitor-command",
                                             {{"command-line", "info registers -a"}}, deadline));
  if (!text.is_string()) return fail(ErrorKind::protocol, "QEMU's monitor gave no text");
  return parse_registers(text.get<std::string>());
}

}  // namespace kobox
