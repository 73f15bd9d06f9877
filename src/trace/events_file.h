// SPDX-License-Identifier: GPL-2.0-or-later
// An events file as QEMU's -trace events=FILE takes it (docs/devel/tracing.rst): a name or pattern
// a line, with * and ?; a - before it takes away; # begins a comment. The names are looked up where
// they live: among QEMU's own events, and among the tracepoints of KVM in the host's kernel.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kobox {

struct ChosenEvents {
  std::set<std::string> qemu;
  std::set<std::string> kvm;  // tracepoints, without "kvm:"
};

// `file`: its name for messages. Errors: usage, with the line: a name that is nowhere, with the
// nearest that is; a file that chooses nothing.
Result<ChosenEvents> read_events_file(std::string_view text, const std::string& file,
                                      const std::vector<std::string>& qemu_events);

// The events that this QEMU has. Error: tool.
Result<std::vector<std::string>> qemu_events();

// x86 KVM's tracepoints (include/trace/events/kvm.h and arch/x86/kvm/trace.h of Linux 6.1 to 6.12).
const std::vector<std::string>& kvm_tracepoints();

}  // namespace kobox
