// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/trace.h"

#include "base/text.h"
#include "workbench/trace_source.h"

namespace kobox {
namespace {

Result<TraceSymbols> symbols_of(ShellMachine& machine, bool loaded) {
  const auto& prepared = machine.prepared();
  std::vector<TraceSymbols::Loaded> modules;
  for (const auto& module : loaded ? prepared.modules : std::vector<BuiltModule>()) {
    KOBOX_TRY(auto sections, machine.agent().sections(module.name));
    modules.push_back({.ko = module.bare, .sections = std::move(sections)});
  }
  return TraceSymbols::open(prepared.kernel, modules);
}

// What became of the command: its status, or why there is none.
Result<> run_command_in(ShellMachine& machine, const TraceOptions& options, TraceFacts& facts) {
  const auto reply = machine.agent().run({.command = options.command, .timeout = options.limit});
  if (!reply) {
    if (reply.error().kind() == ErrorKind::interrupted) return std::unexpected(reply.error());
    facts.ended_early = reply.error().message();
    return {};
  }
  facts.status = reply->signal != 0 ? 128 + reply->signal : reply->status;
  if (reply->timed_out)
    facts.ended_early =
        fmt::format("the command did not end within {}", format_duration(options.limit));
  return {};
}

// The best that this machine and this host give.
Result<std::unique_ptr<TraceSource>> open_source(const TraceSetting& setting, TraceFacts& facts) {
  if (setting.machine.decision().accel == Accel::kvm) {
    auto source = kvm_source(setting, facts);
    if (source || source.error().kind() != ErrorKind::environment) return source;
    facts.notes.push_back(source.error().message() +
                          "; only the exits that QEMU itself has to handle are recorded, without "
                          "the module's functions");
  }
  return qemu_source(setting);
}

// A QEMU that was built without plugins does not know the option.
Error explain(Error error) {
  if (error.message().find("-plugin: invalid option") == std::string::npos) return error;
  return Error(ErrorKind::environment,
               "this QEMU takes no plugins (it was built without --enable-plugins), by which a "
               "trace under TCG knows the module's functions; Debian's QEMU does");
}

TraceSink both(TraceSink one, TraceSink other) {
  return {.call =
              [=](const CallBegin& call) {
                one.call(call);
                other.call(call);
              },
          .end =
              [=](const CallEnd& end) {
                one.end(end);
                other.end(end);
              },
          .exit =
              [=](const Exit& exit) {
                one.exit(exit);
                other.exit(exit);
              }};
}

}  // namespace

Result<std::variant<TraceReport, Failure>> run_trace(const TraceOptions& options,
                                                     Progress& progress) {
  // Which accelerator it will be is not known yet; only TCG needs the plugin.
  const auto plugin = find_trace_plugin();
  if (!plugin && options.shell.accel == AccelChoice::tcg) return std::unexpected(plugin.error());
  KOBOX_TRY(auto recorder, QemuRecorder::make(plugin.value_or("")));
  auto shell = options.shell;
  shell.use = Machines::Use::tracing;
  shell.tracing = recorder.tracing();
  auto machine_or = ShellMachine::open(shell, progress);
  if (!machine_or) return std::unexpected(explain(std::move(machine_or).error()));
  auto& opened = *machine_or;
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  auto& machine = *std::get<std::unique_ptr<ShellMachine>>(opened);
  const auto& prepared = machine.prepared();
  if (!plugin && machine.decision().accel == Accel::tcg) return std::unexpected(plugin.error());

  progress.stage(options.shell.selector, "tracing");
  KOBOX_TRY(auto symbols, symbols_of(machine, options.shell.project.load));
  TraceReport report{.facts = {.module = module_names(prepared.modules),
                               .command = options.command,
                               .kernel = prepared.kernel.release,
                               .accel = to_string(machine.decision().accel)},
                     .analysis = TraceAnalysis(),
                     .symbols = std::move(symbols)};
  auto& facts = report.facts;
  const TraceSetting setting{options, machine, report.symbols, recorder};
  KOBOX_TRY(const auto source, open_source(setting, facts));
  KOBOX_CHECK(source->start());
  KOBOX_CHECK(run_command_in(machine, options, facts));
  KOBOX_CHECK(source->stop());

  progress.stage(options.shell.selector, "reading the recording");
  auto sink = report.analysis.sink();
  if (options.also) sink = both(std::move(sink), options.also(report.symbols));
  KOBOX_CHECK(source->read(sink, facts));
  progress.done(options.shell.selector);
  return report;
}

}  // namespace kobox
