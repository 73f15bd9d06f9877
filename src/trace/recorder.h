// SPDX-License-Identifier: GPL-2.0-or-later
// The recording under TCG: the plugin's control file and QEMU's trace events, switched together.
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

class TcgRecorder {
 public:
  // A private folder with the log and the control file, for a machine that is still to be started.
  static Result<TcgRecorder> make(const std::filesystem::path& plugin);
  TcgRecorder(TcgRecorder&&) noexcept;
  TcgRecorder& operator=(TcgRecorder&&) noexcept;
  ~TcgRecorder();

  const Tracing& tracing() const { return tracing_; }

  // Records from now on, in that machine, what the module with these functions does; and these
  // further events of QEMU's.
  Result<> start(Machine& machine, const TraceSymbols& symbols,
                 const std::set<std::string>& events);
  // Records no more; the log is complete. A machine that has ended is no error.
  Result<> stop(Machine& machine);

 private:
  struct Control;
  TcgRecorder(TempDir folder, Tracing tracing, std::unique_ptr<Control> control);

  TempDir folder_;
  Tracing tracing_;
  std::unique_ptr<Control> control_;
  std::set<std::string> events_;  // that are switched on, as QEMU's patterns
};

}  // namespace kobox
