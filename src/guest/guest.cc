// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/guest.h"

#include <algorithm>

namespace kobox {
namespace {

constexpr std::size_t k_max_console = std::size_t{4} << 20;

// Sources: Documentation/admin-guide/kernel-parameters.txt.
std::string kernel_command_line(Accel accel) {
  std::string line =
      "console=ttyS0 quiet "
      "panic=-1 "         // reset at once; QEMU's -no-reboot makes that the machine's end
      "nokaslr "          // modules and kernel where their symbols say
      "mitigations=off "  // the guest is thrown away; translation and boot are faster
      "random.trust_cpu=on "
      "kfence.sample_interval=100 "  // Debian builds KFENCE in from 6.12, switched off
      "rdinit=/init";
  // The kernel's check of the timer's routing and of the TSC only cost time under emulation.
  if (accel == Accel::tcg) line += " tsc=reliable no_timer_check";
  return line;
}

}  // namespace

MachineSpec machine_spec(const GuestSpec& spec, Accel accel) {
  return {.kernel = spec.kernel.boot_image(),
          .initramfs = spec.initramfs,
          .command_line = kernel_command_line(accel),
          .memory = spec.memory,
          .cpus = spec.cpus,
          .accel = accel,
          .console_log = spec.folder / "console.log",
          .agent_port = wire::k_port_name};
}

Result<std::unique_ptr<Guest>> Guest::start(EventLoop& loop, const GuestSpec& spec, Accel accel) {
  std::unique_ptr<Guest> guest(new Guest(loop));
  auto* self = guest.get();
  const auto machine = machine_spec(spec, accel);
  self->accel_ = accel;
  self->console_log_ = machine.console_log;
  self->agent_ = std::make_unique<AgentClient>(
      [self](std::string bytes) { self->machine_->agent().send(std::move(bytes)); },
      [self](const std::function<bool()>& predicate, Deadline deadline) {
        return self->wait_until(predicate, deadline);
      });
  KOBOX_TRY(self->machine_,
            Machine::start(
                loop, machine,
                [self](std::string_view text) {
                  self->console_ += text.substr(
                      0, k_max_console - std::min(k_max_console, self->console_.size()));
                },
                [self](std::string_view bytes) { self->agent_->take(bytes); }));
  return guest;
}

Result<> Guest::wait_until(const std::function<bool()>& predicate, Deadline deadline) {
  const auto pointless = [&] { return give_up_ && give_up_(); };
  KOBOX_CHECK(
      loop_.wait_until([&] { return predicate() || machine_->end() || pointless(); }, deadline));
  if (predicate()) return {};
  if (machine_->end()) return fail(ErrorKind::tool, "{}", machine_->end()->message);
  return fail(ErrorKind::timeout, "the guest was given up");
}

Result<> Guest::watch_for(Duration duration) {
  auto waited =
      loop_.wait_until([&] { return machine_->end().has_value(); }, Deadline::after(duration));
  if (!waited && waited.error().kind() != ErrorKind::timeout)
    return std::unexpected(waited.error());
  return {};
}

}  // namespace kobox
