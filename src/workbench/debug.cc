// SPDX-License-Identifier: GPL-2.0-or-later
#include "workbench/debug.h"

#include <chrono>

#include "base/text.h"
#include "debug/gdb_setup.h"
#include "module/parameters.h"

namespace kobox {

using namespace std::chrono_literals;

namespace {

// With its soft dependencies, which may not be there.
std::string load_script(const BuiltModule& module, const std::string& parameters) {
  std::string script;
  for (const auto& name : module.soft_before)
    script += "modprobe -q -- " + shell_quote(name) + "\n";
  script += fmt::format("insmod {} {} || exit\n", guest_module_path(module), parameters);
  for (const auto& name : module.soft_after) script += "modprobe -q -- " + shell_quote(name) + "\n";
  return script;
}

}  // namespace

Result<std::variant<std::unique_ptr<DebugMachine>, Failure>> DebugMachine::open(
    const DebugOptions& options, Progress& progress) {
  KOBOX_CHECK(find_gdb());  // before minutes are spent
  auto shell = options.shell;
  shell.use = Machines::Use::debugging;
  KOBOX_TRY(auto opened, ShellMachine::open(shell, progress));
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  std::unique_ptr<DebugMachine> made(
      new DebugMachine(options, std::get<std::unique_ptr<ShellMachine>>(std::move(opened))));
  progress.stage(options.shell.selector, "reading the kernel's symbols");
  auto& machine = *made->machine_;
  KOBOX_TRY(made->target_, GdbTarget::open(machine.guest(), machine.prepared().kernel,
                                           {.cache = options.shell.lab.cache,
                                            .modules = machine.prepared().modules,
                                            .breakpoints = options.breakpoints,
                                            .port = options.port}));
  made->target_->relay(machine.loop());
  // GDB steps a processor, not a task: one that moves to another would be lost.
  KOBOX_CHECK(machine.agent().configure({.one_cpu = true}));
  // Nothing happens before the debugger is there.
  KOBOX_CHECK(
      machine.machine().monitor().execute("stop", nlohmann::json::object(), Deadline::after(10s)));
  progress.done(options.shell.selector);
  return made;
}

void DebugMachine::start_work(const Terminal& terminal,
                              std::function<void(std::string_view)> on_output) {
  const auto& prepared = machine_->prepared();
  const auto& project = options_.shell.project;
  std::string script = "cd /root\n";
  if (project.load)
    for (const auto& module : prepared.modules)
      script +=
          load_script(module, parameters_for(module, prepared.modules, project.module_params));
  script += options_.command;
  terminal_ = machine_->agent().open_terminal({.command = script,
                                               .rows = terminal.rows,
                                               .columns = terminal.columns,
                                               .term = terminal.kind},
                                              std::move(on_output));
}

void DebugMachine::send_keys(std::string_view bytes) {
  machine_->agent().send_input(terminal_, bytes);
}

void DebugMachine::resize(unsigned rows, unsigned columns) {
  machine_->agent().resize(terminal_, rows, columns);
}

std::optional<Duration> DebugMachine::runs_for() const {
  const auto& standstill = machine_->machine().monitor().standstill();
  if (standstill.stopped() || !target_->connected()) return std::nullopt;
  return std::chrono::duration_cast<Duration>(Deadline::Clock::now() - standstill.running_since());
}

std::optional<int> DebugMachine::work_status() {
  const auto end = machine_->agent().terminal_end(terminal_);
  if (!end) return std::nullopt;
  return static_cast<int>(end->number("status"));
}

}  // namespace kobox
