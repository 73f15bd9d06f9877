// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's part of a recording: its trace events and, under TCG, the plugin; switched together.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "trace/symbols.h"
#include "vm/machine.h"

namespace kobox {

// kobox-trace.so: $KOBOX_TRACE_PLUGIN, or ../libexec/kobox beside kobox. Error: environment.
Result<std::filesystem::path> find_trace_plugin();

class QemuRecorder {
 public:
  // A private directory with the log and the control file, for a machine that is still to be
  // started. `plugin` empty: none.
  static Result<QemuRecorder> make(const std::filesystem::path& plugin);
  QemuRecorder(QemuRecorder&&) noexcept;
  QemuRecorder& operator=(QemuRecorder&&) noexcept;
  ~QemuRecorder();

  const Tracing& tracing() const { return tracing_; }

  const std::filesystem::path& directory() const { return directory_.path(); }

  // Records from now on, in that machine, these events of QEMU's (names and patterns) and, if it
  // has the plugin, what the module with these functions does.
  Result<> start(Machine& machine, const TraceSymbols& symbols,
                 const std::set<std::string>& events);
  // Records no more; the log is complete. A machine that has ended is no error.
  Result<> stop(Machine& machine);

 private:
  struct Control;
  QemuRecorder(TempDir directory, Tracing tracing, std::unique_ptr<Control> control);

  TempDir directory_;
  Tracing tracing_;
  std::unique_ptr<Control> control_;
  std::set<std::string> events_;  // that are switched on, as QEMU's patterns
};

}  // namespace kobox
