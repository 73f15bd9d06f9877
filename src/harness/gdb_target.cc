// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/gdb_target.h"

#include <chrono>
#include <cstdlib>

#include "debug/gdb_setup.h"
#include "kernel/elf_image.h"
#include "vm/gdb_stub.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_monitor_limit = 10s;
constexpr const char* k_first_symbol = "grep -m1 ' _text$' /proc/kallsyms";

// How far from where it was linked the kernel runs (CONFIG_RANDOMIZE_BASE), in bytes.
Result<std::uint64_t> kernel_offset(Guest& guest, const Kernel& kernel) {
  KOBOX_TRY(const auto reply,
            guest.agent().run({.command = k_first_symbol, .timeout = k_monitor_limit}));
  KOBOX_TRY(const auto image, ElfImage::open(kernel.vmlinux));
  const auto* text = image.find(".text");
  const auto runs_at = std::strtoull(reply.standard_output.c_str(), nullptr, 16);
  return text == nullptr || runs_at == 0 ? 0 : runs_at - text->address;
}

}  // namespace

Result<GdbTarget> GdbTarget::open(Guest& guest, const Kernel& kernel, const Options& choice) {
  KOBOX_TRY(auto gdb, find_gdb());
  KOBOX_TRY(auto symbols, kernel_symbols(kernel, choice.cache));
  KOBOX_TRY(auto directory, TempDir::make(fs::temp_directory_path(), "kobox-gdb-"));
  GdbTarget target(std::move(gdb), std::move(symbols), std::move(directory));
  GdbSetup setup{.kernel_symbols = target.symbols_.path, .server = {}, .breakpoints = {}};
  KOBOX_TRY(setup.kernel_offset, kernel_offset(guest, kernel));
  const auto socket = target.directory_.path() / "gdb";
  KOBOX_TRY(target.listener_,
            choice.port ? listen_on_loopback(*choice.port) : listen_on_path(socket));
  KOBOX_TRY(const auto server, listen_on_path(target.directory_.path() / "qemu"));
  KOBOX_CHECK(serve_gdb(guest.machine(), server, Deadline::after(k_monitor_limit)));
  guest.let_debugger_stop(true);
  setup.server = target.server_ =
      choice.port ? fmt::format("localhost:{}", *choice.port) : socket.string();
  for (const auto& location : choice.breakpoints)
    setup.breakpoints.push_back(qualified_location(location, choice.modules));
  KOBOX_TRY(target.setup_,
            write_gdb_setup(target.directory_.path(), setup, kernel, choice.modules));
  return target;
}

CommandLine GdbTarget::gdb(const std::vector<std::string>& arguments) const {
  CommandLine command{.argv = {gdb_.string(), "-q", "-x", setup_.string()}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace kobox
