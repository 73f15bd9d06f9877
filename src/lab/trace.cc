// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>

#include "base/text.h"
#include "trace/qemu_log.h"
#include "trace/recorder.h"

namespace kobox {
namespace {

Result<TraceSymbols> symbols_of(ShellMachine& machine, bool loaded) {
  const auto& prepared = machine.prepared();
  std::map<std::string, std::uint64_t> sections;
  if (!prepared.module || !loaded) return TraceSymbols::open(prepared.kernel, {}, sections);
  KOBOX_TRY(sections, machine.agent().sections(prepared.module->name));
  return TraceSymbols::open(prepared.kernel, prepared.guest_module, sections);
}

// What became of the command: its status, or why there is none.
Result<> run_command_in(ShellMachine& machine, const TraceOptions& options, TraceFacts& facts) {
  const auto reply = machine.agent().run({.command = options.command, .timeout = options.limit});
  if (!reply) {
    if (reply.error().kind() == ErrorKind::interrupted) return std::unexpected(reply.error());
    facts.trouble = reply.error().message();
    return {};
  }
  facts.status = reply->signal != 0 ? 128 + reply->signal : reply->status;
  if (reply->timed_out)
    facts.trouble =
        fmt::format("the command did not end within {}", format_duration(options.limit));
  return {};
}

Result<> read_log(const fs::path& path, QemuLogReader& reader) {
  const Fd log(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!log) return fail_errno("cannot open {}", path.string());
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const auto got = ::read(log.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read {}", path.string());
    if (got == 0) break;
    reader.feed({buffer.data(), static_cast<std::size_t>(got)});
  }
  reader.finish();
  return {};
}

}  // namespace

Result<std::variant<TraceReport, Failure>> run_trace(const TraceOptions& options,
                                                     Progress& progress) {
  KOBOX_TRY(const auto plugin, find_trace_plugin());
  KOBOX_TRY(auto recorder, TcgRecorder::make(plugin));
  auto shell = options.shell;
  shell.use = Machines::Use::tracing;
  shell.tracing = recorder.tracing();
  KOBOX_TRY(auto opened, ShellMachine::open(shell, progress));
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  auto& machine = *std::get<std::unique_ptr<ShellMachine>>(opened);
  const auto& prepared = machine.prepared();

  progress.stage(options.shell.selector, "tracing");
  KOBOX_TRY(auto symbols, symbols_of(machine, options.shell.project.load));
  TraceReport report{.facts = {.module = prepared.module ? prepared.module->name : "",
                               .command = options.command,
                               .kernel = prepared.kernel.release,
                               .accel = std::string(to_string(machine.decision().accel)),
                               .trouble = {},
                               .events = {},
                               .tracepoints = options.events.kvm},
                     .analysis = {},
                     .symbols = std::move(symbols)};
  KOBOX_CHECK(recorder.start(machine.machine(), report.symbols, options.events.qemu));
  KOBOX_CHECK(run_command_in(machine, options, report.facts));
  KOBOX_CHECK(recorder.stop(machine.machine()));

  auto& analysis = report.analysis;
  auto& events = report.facts.events;
  for (const auto& name : options.events.qemu) events[name] = 0;
  QemuLogReader reader({.call = [&](const CallBegin& call) { analysis.add(call); },
                        .end = [&](const CallEnd& end) { analysis.add(end); },
                        .access = [&](const DeviceAccess& access) { analysis.add(access); },
                        .other =
                            [&](std::string_view line) {
                              const auto event =
                                  events.find(std::string(line.substr(0, line.find(' '))));
                              if (event != events.end()) ++event->second;
                            }});
  KOBOX_CHECK(read_log(recorder.tracing().log, reader));
  report.facts.malformed = reader.malformed();
  progress.done(options.shell.selector);
  return report;
}

}  // namespace kobox
