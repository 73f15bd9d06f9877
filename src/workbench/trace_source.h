// SPDX-License-Identifier: GPL-2.0-or-later
// Where a trace's events come from: one way of recording a machine.
#pragma once

#include <memory>

#include "trace/recorder.h"
#include "workbench/trace.h"

namespace kobox {

class TraceSource {
 public:
  TraceSource() = default;
  TraceSource(const TraceSource&) = delete;
  TraceSource& operator=(const TraceSource&) = delete;
  virtual ~TraceSource() = default;

  // Errors of both: whatever keeps the recording from being made; a machine that has ended keeps
  // stop() from nothing.
  virtual Result<> start() = 0;
  virtual Result<> stop() = 0;
  // Gives the recording to the sink, and what is to be known of it to the facts.
  virtual Result<> read(const TraceSink& sink, TraceFacts& facts) = 0;
};

// What all of them need. All of it outlives them.
struct TraceSetting {
  const TraceOptions& options;
  ShellMachine& machine;
  const TraceSymbols& symbols;
  QemuRecorder& qemu;
};

// Reads QEMU's log, and counts in `facts.events` those of QEMU's events that were asked for.
Result<> read_qemu_log(const TraceSetting& setting, const TraceSink& sink, TraceFacts& facts);

// QEMU's trace events with the plugin, under TCG; without it, and with the exits that QEMU itself
// sees, under KVM.
std::unique_ptr<TraceSource> qemu_source(const TraceSetting& setting);

// The host's tracepoints and the guest's function tracing. ErrorKind::environment where the host's
// tracing may not be used; what the guest cannot do becomes a note of the facts.
Result<std::unique_ptr<TraceSource>> kvm_source(const TraceSetting& setting, TraceFacts& facts);

}  // namespace kobox
