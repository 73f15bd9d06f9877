// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/debug.h"

#include <chrono>
#include <cstdlib>

#include "base/text.h"
#include "debug/gdb_setup.h"
#include "kernel/elf_image.h"
#include "vm/gdb_stub.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_monitor_limit = 10s;
constexpr const char* k_first_symbol = "grep -m1 ' _text$' /proc/kallsyms";

}  // namespace

Result<std::variant<std::unique_ptr<DebugMachine>, Failure>> DebugMachine::open(
    const DebugOptions& options, Progress& progress) {
  KOBOX_TRY(auto gdb, find_gdb());
  auto shell = options.shell;
  shell.load = ShellOptions::Load::later;
  KOBOX_TRY(auto opened, ShellMachine::open(shell, progress));
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  KOBOX_TRY(auto folder, TempDir::make(fs::temp_directory_path(), "kobox-gdb-"));
  std::unique_ptr<DebugMachine> made(new DebugMachine(
      options, std::get<std::unique_ptr<ShellMachine>>(std::move(opened)), std::move(folder)));
  made->gdb_ = std::move(gdb);
  progress.stage(options.shell.selector, "reading the kernel's symbols");
  KOBOX_CHECK(made->set_up());
  progress.done(options.shell.selector);
  return made;
}

Result<> DebugMachine::set_up() {
  const auto& prepared = machine_->prepared();
  KOBOX_TRY(auto symbols, kernel_symbols(prepared.kernel, options_.shell.lab.cache));
  symbols_.emplace(std::move(symbols));
  GdbSetup setup{.kernel_symbols = symbols_->path, .server = {}, .breakpoints = {}};
  KOBOX_TRY(setup.kernel_offset, kernel_offset());
  const auto deadline = Deadline::after(k_monitor_limit);
  KOBOX_CHECK(machine_->machine().monitor().execute("stop", nlohmann::json::object(), deadline));
  const auto socket = folder_.path() / "gdb";
  KOBOX_TRY(const auto listener,
            options_.port ? listen_on_loopback(*options_.port) : listen_on_path(socket));
  KOBOX_CHECK(serve_gdb(machine_->machine(), listener, deadline));
  setup.server = server_ =
      options_.port ? fmt::format("localhost:{}", *options_.port) : socket.string();
  const auto* module = prepared.module ? &*prepared.module : nullptr;
  for (const auto& location : options_.breakpoints)
    setup.breakpoints.push_back(module ? qualified_location(location, *module) : location);
  KOBOX_TRY(setup_,
            write_gdb_setup(folder_.path(), setup, prepared.kernel, module, prepared.guest_module));
  return {};
}

// How far from where it was linked the kernel runs (CONFIG_RANDOMIZE_BASE).
Result<std::uint64_t> DebugMachine::kernel_offset() {
  KOBOX_TRY(const auto reply,
            machine_->agent().run({.command = k_first_symbol, .timeout = k_monitor_limit}));
  KOBOX_TRY(const auto image, ElfImage::open(machine_->prepared().kernel.vmlinux));
  const auto* text = image.find(".text");
  const auto runs_at = std::strtoull(reply.standard_output.c_str(), nullptr, 16);
  return text == nullptr || runs_at == 0 ? 0 : runs_at - text->address;
}

CommandLine DebugMachine::gdb(const std::vector<std::string>& arguments) const {
  CommandLine command{.argv = {gdb_.string(), "-q", "-x", setup_.string()}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

void DebugMachine::start_work(std::function<void(std::string_view)> on_output) {
  const auto& prepared = machine_->prepared();
  const auto& project = options_.shell.project;
  std::string script = "cd /root\n";
  if (prepared.module && project.load)
    script += fmt::format("insmod {} {} || exit\n", guest_module_path(*prepared.module),
                          project.module_params);
  script += options_.command;
  terminal_ = machine_->agent().open_terminal(
      {.command = script, .rows = 24, .columns = 80, .term = "dumb"}, std::move(on_output));
}

std::optional<int> DebugMachine::work_status() {
  const auto end = machine_->agent().terminal_end(terminal_);
  if (!end) return std::nullopt;
  return static_cast<int>(end->number("status"));
}

}  // namespace kobox
