// SPDX-License-Identifier: GPL-2.0-or-later
// Booting to the agent's hello, and finding out which accelerator can.
#include <ctime>

#include "guest/guest.h"
#include "guest/standstill.h"

namespace kobox {
namespace {

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::localtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

BootFailure describe_failure(Guest& guest, const Error& error, const GuestSpec& spec) {
  BootFailure failure{
      .message = "", .console = guest.console(), .console_log = guest.console_log()};
  const auto& end = guest.machine().end();
  if (end) {
    failure.message = fmt::format("the machine ended while it booted: {}", end->message);
    failure.host_at_fault =
        end->cause == MachineEnd::Cause::killed || end->cause == MachineEnd::Cause::failed;
  } else if (error.kind() == ErrorKind::timeout) {
    failure.silent = !kernel_has_spoken(failure.console);
    const auto where = where_it_stands(guest);
    failure.message =
        fmt::format("the kernel did not reach kobox's agent within its boot limit of {} s{}{}{}",
                    spec.boot_limit.count() / 1000,
                    guest.console().empty() ? "; its console stayed silent" : "",
                    where.empty() ? "" : "; ", where);
  } else {
    failure.message = error.message();
  }
  return failure;
}

bool arrived_or_over(Guest& guest) {
  return guest.agent().ready() || guest.agent().broken() || guest.machine().end();
}

// Of several processors under TCG one may run a translation of code that another has patched
// meanwhile: QEMU before 8.1 locks a page only after it was translated. The kernel then meets a
// breakpoint of its own patching (text_poke_bp in arch/x86/kernel/alternative.c) that it has
// already taken away.
bool fell_to_stale_translation(const BootFailure& failure, const GuestSpec& spec) {
  return spec.cpus > 1 && failure.console.find("int3: ") != std::string::npos;
}

// Is it worth another try? One boot among thousands under TCG comes to nothing without a word.
bool emulator_at_fault(const BootOutcome& outcome, const GuestSpec& spec, Accel accel) {
  const auto* failure = std::get_if<BootFailure>(&outcome);
  return failure != nullptr && accel == Accel::tcg &&
         (failure->silent || fell_to_stale_translation(*failure, spec));
}

// One machine, one accelerator.
Result<BootOutcome> boot_once(EventLoop& loop, const GuestSpec& spec, AccelDecision decision) {
  KOBOX_TRY(auto guest, Guest::start(loop, spec, decision.accel));
  auto waited =
      loop.wait_until([&] { return arrived_or_over(*guest); }, Deadline::after(spec.boot_limit));
  if (guest->agent().ready()) return BootedGuest{std::move(guest), std::move(decision)};
  if (!waited && waited.error().kind() == ErrorKind::interrupted)
    return std::unexpected(waited.error());
  const Error error = guest->agent().broken() ? *guest->agent().broken()
                      : waited                ? Error(ErrorKind::tool, "the machine ended")
                                              : waited.error();
  return describe_failure(*guest, error, spec);
}

// Once more if the emulator was at fault.
Result<BootOutcome> boot_one(EventLoop& loop, const GuestSpec& spec, AccelDecision decision) {
  KOBOX_TRY(auto outcome, boot_once(loop, spec, decision));
  if (!emulator_at_fault(outcome, spec, decision.accel)) return outcome;
  const auto first = std::get<BootFailure>(outcome);
  decision.reason += first.silent ? fmt::format("; a first boot stood still: {}", first.message)
                                  : "; a first boot fell to an error of the emulator's";
  return boot_once(loop, spec, std::move(decision));
}

// Both at once: the first that boots this kernel is the one that works.
Result<BootOutcome> race(EventLoop& loop, const GuestSpec& spec, const AccelMemory& memory) {
  GuestSpec kvm_spec = spec;
  kvm_spec.folder = spec.folder / "kvm-probe";
  std::error_code ignored;
  std::filesystem::create_directories(kvm_spec.folder, ignored);
  auto kvm = Guest::start(loop, kvm_spec, Accel::kvm);
  if (!kvm) {
    if (kvm.error().kind() == ErrorKind::interrupted) return std::unexpected(kvm.error());
    const AccelDecision decision{
        Accel::tcg,
        fmt::format("/dev/kvm opens, but QEMU cannot use it: {}", kvm.error().message())};
    memory.remember(decision);
    return boot_one(loop, spec, decision);
  }
  KOBOX_TRY(auto tcg, Guest::start(loop, spec, Accel::tcg));
  auto waited = loop.wait_until([&] { return (*kvm)->agent().ready() || arrived_or_over(*tcg); },
                                Deadline::after(spec.boot_limit));
  if ((*kvm)->agent().ready()) {
    AccelDecision decision{Accel::kvm,
                           fmt::format("/dev/kvm boots this kernel, found {}", today())};
    memory.remember(decision);
    return BootedGuest{std::move(*kvm), std::move(decision)};
  }
  if (tcg->agent().ready()) {
    const auto& end = (*kvm)->machine().end();
    AccelDecision decision{
        Accel::tcg,
        end ? fmt::format("/dev/kvm opens, but QEMU gave up on it: {}; found {}", end->message,
                          today())
            : fmt::format("/dev/kvm opens but does not boot this kernel, found {}", today())};
    memory.remember(decision);
    return BootedGuest{std::move(tcg), std::move(decision)};
  }
  if (!waited && waited.error().kind() == ErrorKind::interrupted)
    return std::unexpected(waited.error());
  return describe_failure(
      *tcg, waited ? Error(ErrorKind::tool, "the machine ended") : waited.error(), spec);
}

std::string kvm_advice(const std::string& obstacle) {
  return fmt::format("--accel kvm: {}; use --accel tcg, or auto to let kobox choose", obstacle);
}

// Booted because it was asked for, with nothing known against it.
Result<BootOutcome> boot_kvm(EventLoop& loop, const GuestSpec& spec, AccelDecision decision) {
  auto outcome = boot_one(loop, spec, std::move(decision));
  if (!outcome && outcome.error().kind() == ErrorKind::environment)
    return fail(ErrorKind::environment, "{}", kvm_advice(outcome.error().message()));
  if (outcome) {
    if (auto* failure = std::get_if<BootFailure>(&*outcome))
      failure->message += "; this host's /dev/kvm may not run ordinary kernels: try --accel tcg";
  }
  return outcome;
}

}  // namespace

Result<std::optional<AccelDecision>> settled_accel(const Kernel& kernel, AccelWish wish,
                                                   const std::filesystem::path& cache) {
  if (wish == AccelWish::tcg) return AccelDecision{Accel::tcg, "asked for with --accel tcg"};
  const auto obstacle = kvm_obstacle();
  if (obstacle && wish == AccelWish::automatic) return AccelDecision{Accel::tcg, *obstacle};
  if (obstacle) return fail(ErrorKind::environment, "{}", kvm_advice(*obstacle));
  KOBOX_TRY(const auto qemu, find_qemu(*kernel.arch));
  auto known = AccelMemory(cache, kernel.identity, qemu).recall();
  if (wish == AccelWish::automatic) return known;
  if (known && known->accel == Accel::tcg)
    return fail(ErrorKind::environment, "{}", kvm_advice(known->reason));
  return AccelDecision{Accel::kvm, "asked for with --accel kvm"};
}

Result<BootOutcome> boot_guest(EventLoop& loop, const GuestSpec& spec, AccelWish wish,
                               const std::filesystem::path& cache) {
  KOBOX_TRY(const auto qemu, find_qemu(*spec.kernel.arch));
  KOBOX_TRY(auto decision, settled_accel(spec.kernel, wish, cache));
  const AccelMemory memory(cache, spec.kernel.identity, qemu);
  if (!decision && spec.disk && !spec.disk->kept_layer.empty()) {
    // Two machines may not write to one disk: they race on others.
    auto trial = spec;
    trial.disk->kept_layer.clear();
    KOBOX_TRY(auto tried, race(loop, trial, memory));
    if (std::holds_alternative<BootFailure>(tried)) return tried;
    decision = std::get<BootedGuest>(tried).decision;
  }
  if (!decision) return race(loop, spec, memory);
  if (wish == AccelWish::kvm) return boot_kvm(loop, spec, std::move(*decision));
  return boot_one(loop, spec, std::move(*decision));
}

}  // namespace kobox
