// SPDX-License-Identifier: GPL-2.0-or-later
// Booting to the agent's hello, and finding out which accelerator can.
#include <ctime>

#include "guest/boot_memory.h"
#include "guest/guest.h"
#include "guest/stalled_boot.h"

namespace kobox {
namespace {

constexpr const char* k_no_boot = "/dev/kvm opens but does not boot this kernel";

// When: ", found 2026-01-31".
std::string found() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::localtime_r(&now, &parts);
  char text[24];
  std::strftime(text, sizeof text, ", found %Y-%m-%d", &parts);
  return text;
}

std::string timeout_message(Guest& guest, const GuestSpec& spec) {
  const auto where = cpu_positions(guest);
  return fmt::format("the kernel did not reach kobox's agent within its boot limit of {} s{}{}{}",
                     spec.boot_limit.count() / 1000,
                     guest.console().empty() ? "; its console stayed silent" : "",
                     where.empty() ? "" : "; ", where);
}

// Of a guest that is over, or whose time is.
BootFailure describe_failure(Guest& guest, const GuestSpec& spec) {
  BootFailure failure{.console_log = guest.console_log()};
  if (const auto& end = guest.machine().end()) {
    failure.message = fmt::format("the machine ended while it booted: {}", end->message);
    failure.host_at_fault =
        end->cause == MachineEnd::Cause::killed || end->cause == MachineEnd::Cause::failed;
    failure.died_silent =
        end->cause == MachineEnd::Cause::reset && !kernel_has_printed(guest.console().text());
  } else if (const auto full = guest.out_of_disk()) {
    failure.message = full->message();
    failure.host_at_fault = true;
  } else if (const auto& broken = guest.agent().broken()) {
    failure.message = broken->message();
  } else {
    failure.message = timeout_message(guest, spec);
    failure.silent = !kernel_has_printed(guest.console().text());
  }
  failure.console = guest.console().text();
  return failure;
}

bool arrived(Guest& guest) { return guest.agent().ready(); }
bool over(Guest& guest) {
  return guest.agent().broken() || guest.machine().end() || guest.out_of_disk();
}

// boot_guest's comment says why its processors take turns.
GuestSpec while_booting(const GuestSpec& spec, Accel accel) {
  auto booting = spec;
  if (accel != Accel::tcg || spec.cpus == 1 || spec.tcg_threads == TcgThreads::one) return booting;
  booting.tcg_threads = TcgThreads::one;
  booting.kind_of_memory = GuestMemory::saveable;
  return booting;
}

// The agent has spoken: from here on the machine is the one that was asked for.
Result<BootOutcome> hand_over(std::unique_ptr<Guest> guest, AccelDecision decision,
                              TcgThreads threads) {
  if (guest->spec().tcg_threads != threads) {
    KOBOX_TRY(const bool changed, guest->change_threads(threads));
    if (!changed && guest->spec().tracing)
      return fail(ErrorKind::environment,
                  "QEMU cannot save this machine, so its processors cannot have a thread each, "
                  "without which a trace may take one for the other; set cpus = 1 in [machine] of "
                  "kobox.toml");
    if (!changed) decision.reason += "; its processors take turns: QEMU cannot save this machine";
  }
  return BootedGuest{std::move(guest), std::move(decision)};
}

// One machine, one accelerator.
Result<BootOutcome> boot_once(EventLoop& loop, const GuestSpec& spec, AccelDecision decision) {
  KOBOX_TRY(auto guest, Guest::start(loop, while_booting(spec, decision.accel), decision.accel));
  const auto waited = loop.wait_until([&] { return arrived(*guest) || over(*guest); },
                                      Deadline::after(spec.boot_limit));
  if (arrived(*guest)) return hand_over(std::move(guest), std::move(decision), spec.tcg_threads);
  if (!waited && waited.error().kind() == ErrorKind::interrupted)
    return std::unexpected(waited.error());
  return describe_failure(*guest, spec);
}

// Once more, after a boot that failed without output, with all that the kernel can print.
Result<BootOutcome> boot_aloud(EventLoop& loop, GuestSpec spec, AccelDecision decision,
                               const BootFailure& first) {
  spec.boot_output = BootOutput::everything;
  decision.reason +=
      fmt::format("; a first boot {}: {}", first.silent ? "hung" : "died", first.message);
  KOBOX_TRY(auto outcome, boot_once(loop, spec, std::move(decision)));
  if (auto* failure = std::get_if<BootFailure>(&outcome))
    failure->message +=
        kernel_has_printed(failure->console)
            ? fmt::format(
                  "; the first boot said nothing, the console is that of a second one with {}",
                  spec.kernel.arch->early_console)
            : fmt::format("; it said nothing, not even with {}", spec.kernel.arch->early_console);
  return outcome;
}

// A boot under TCG that hangs without output is begun once more: one among thousands does.
Result<BootOutcome> boot_one(EventLoop& loop, const GuestSpec& spec, AccelDecision decision) {
  KOBOX_TRY(auto outcome, boot_once(loop, spec, decision));
  const auto* first = std::get_if<BootFailure>(&outcome);
  if (first == nullptr || decision.accel != Accel::tcg || !first->silent) return outcome;
  return boot_aloud(loop, spec, std::move(decision), *first);
}

// Both accelerators at once. Either may fail to start, or end; the other then runs alone.
class Race {
 public:
  using Runner = Result<std::unique_ptr<Guest>>;

  Race(EventLoop& loop, const GuestSpec& spec)
      : loop_(loop), spec_(spec), end_(Deadline::never()) {}

  Result<BootOutcome> run(const AccelMemory& memory) {
    KOBOX_CHECK(start());
    KOBOX_CHECK(wait([&] { return has_arrived(kvm_) || has_arrived(tcg_); }));
    if (has_arrived(tcg_)) KOBOX_CHECK(wait_for_kvm((*tcg_)->machine().cpu_time()));
    if (has_arrived(kvm_)) {
      AccelDecision decision{.accel = Accel::kvm, .reason = "/dev/kvm boots this kernel" + found()};
      memory.remember(decision);
      return hand_over(std::move(*kvm_), std::move(decision), spec_.tcg_threads);
    }
    if (has_arrived(tcg_)) {
      return hand_over(std::move(*tcg_), why_not_kvm(memory), spec_.tcg_threads);
    }
    if (!tcg_) return std::unexpected(tcg_.error());
    return describe_failure(**tcg_, spec_);
  }

 private:
  Result<> start() {
    auto kvm_spec = spec_;
    kvm_spec.directory = spec_.directory / "kvm-probe";
    std::error_code ignored;
    std::filesystem::create_directories(kvm_spec.directory, ignored);
    kvm_ = Guest::start(loop_, kvm_spec, Accel::kvm);
    if (is_interrupted(kvm_)) return std::unexpected(kvm_.error());
    tcg_ = Guest::start(loop_, while_booting(spec_, Accel::tcg), Accel::tcg);
    if (is_interrupted(tcg_)) return std::unexpected(tcg_.error());
    end_ = Deadline::after(spec_.boot_limit);
    return {};
  }
  // Until the condition holds, or nothing can change any more; only an interrupt is an error.
  Result<> wait(const std::function<bool()>& condition) {
    auto waited =
        loop_.wait_until([&] { return condition() || (is_over(kvm_) && is_over(tcg_)); }, end_);
    if (waited || waited.error().kind() == ErrorKind::timeout) return {};
    return waited;
  }
  // TCG has arrived. A host that is busy may only have kept KVM from running: it may use as much
  // processor time as TCG has used.
  Result<> wait_for_kvm(Duration tcg_time) {
    return wait([&] {
      if (has_arrived(kvm_) || is_over(kvm_)) return true;
      had_its_share_ = (*kvm_)->machine().cpu_time() >= tcg_time;
      return had_its_share_;
    });
  }
  // Remembered only if it says something of KVM itself: a machine that was killed, whose disk is
  // full or whose agent is of no use does not.
  AccelDecision why_not_kvm(const AccelMemory& memory) {
    AccelDecision decision{.accel = Accel::tcg, .reason = "", .kvm_only_slower = had_its_share_};
    bool proved = true;
    if (!kvm_) {
      decision.reason = "/dev/kvm opens, but QEMU cannot use it: " + kvm_.error().message();
      proved = kvm_.error().kind() == ErrorKind::environment;
    } else if (const auto& end = (*kvm_)->machine().end()) {
      decision.reason = "/dev/kvm opens, but QEMU gave up on it: " + end->message;
      proved = end->cause != MachineEnd::Cause::killed;
    } else if (is_over(kvm_)) {
      decision.reason = "/dev/kvm opens, but its machine was of no use";
      proved = false;
    } else if (had_its_share_) {
      decision.reason =
          "/dev/kvm opens but did not boot this kernel in the processor time that TCG took";
    } else {
      decision.reason = k_no_boot;
    }
    decision.reason += found();
    if (proved) memory.remember(decision);
    return decision;
  }

  static bool has_arrived(const Runner& runner) { return runner && arrived(**runner); }
  static bool is_over(const Runner& runner) { return !runner || over(**runner); }
  static bool is_interrupted(const Runner& runner) {
    return !runner && runner.error().kind() == ErrorKind::interrupted;
  }

  EventLoop& loop_;
  const GuestSpec& spec_;
  Deadline end_;
  Runner kvm_, tcg_;
  bool had_its_share_ = false;  // KVM, of the processor's time
};

std::string kvm_advice(const std::string& obstacle) {
  return fmt::format("--accel kvm: {}; use --accel tcg, or auto to let kobox choose", obstacle);
}

// Booted because it was asked for, with nothing known against it. What hangs for the whole
// boot limit is not tried again.
Result<BootOutcome> boot_kvm(EventLoop& loop, const GuestSpec& spec, AccelDecision decision,
                             const AccelMemory& memory) {
  auto outcome = boot_one(loop, spec, std::move(decision));
  if (!outcome && outcome.error().kind() == ErrorKind::environment)
    return fail(ErrorKind::environment, "{}", kvm_advice(outcome.error().message()));
  if (outcome) {
    if (auto* failure = std::get_if<BootFailure>(&*outcome)) {
      failure->message += "; this host's /dev/kvm may not run ordinary kernels: try --accel tcg";
      if (failure->silent) memory.remember({.accel = Accel::tcg, .reason = k_no_boot + found()});
    }
  }
  return outcome;
}

// By the accelerator that the choice, the host and earlier findings allow.
Result<BootOutcome> boot_by_choice(EventLoop& loop, const GuestSpec& spec, AccelChoice choice,
                                   const std::filesystem::path& cache) {
  KOBOX_TRY(const auto qemu, find_qemu(*spec.kernel.arch));
  KOBOX_TRY(auto decision, settled_accel(spec.kernel, choice, cache));
  const AccelMemory memory(cache, spec.kernel.identity, qemu);
  if (!decision && spec.disk && !spec.disk->kept_layer.empty()) {
    // Two machines may not write to one disk: they race on others.
    auto trial = spec;
    trial.disk->kept_layer.clear();
    KOBOX_TRY(auto tried, Race(loop, trial).run(memory));
    if (std::holds_alternative<BootFailure>(tried)) return tried;
    decision = std::get<BootedGuest>(tried).decision;
  }
  if (!decision) return Race(loop, spec).run(memory);
  if (choice == AccelChoice::kvm) return boot_kvm(loop, spec, std::move(*decision), memory);
  return boot_one(loop, spec, std::move(*decision));
}

const BootFailure* silent_death(const BootOutcome& outcome) {
  const auto* failure = std::get_if<BootFailure>(&outcome);
  return failure != nullptr && failure->died_silent ? failure : nullptr;
}

}  // namespace

Result<std::optional<AccelDecision>> settled_accel(const Kernel& kernel, AccelChoice choice,
                                                   const std::filesystem::path& cache) {
  if (choice == AccelChoice::tcg)
    return AccelDecision{.accel = Accel::tcg, .reason = "asked for with --accel tcg"};
  const auto obstacle = kvm_obstacle();
  if (obstacle && choice == AccelChoice::automatic)
    return AccelDecision{.accel = Accel::tcg, .reason = *obstacle};
  if (obstacle) return fail(ErrorKind::environment, "{}", kvm_advice(*obstacle));
  KOBOX_TRY(const auto qemu, find_qemu(*kernel.arch));
  auto known = AccelMemory(cache, kernel.identity, qemu).recall();
  if (choice == AccelChoice::automatic) return known;
  if (known && known->accel == Accel::tcg && !known->kvm_only_slower)
    return fail(ErrorKind::environment, "{}", kvm_advice(known->reason));
  return AccelDecision{.accel = Accel::kvm, .reason = "asked for with --accel kvm"};
}

Result<BootOutcome> boot_guest(EventLoop& loop, const GuestSpec& wanted, AccelChoice choice,
                               const std::filesystem::path& cache) {
  KOBOX_TRY(const auto qemu, find_qemu(*wanted.kernel.arch));
  auto spec = wanted;
  spec.kernel = as_it_boots(wanted.kernel, qemu, cache);
  KOBOX_TRY(auto outcome, boot_by_choice(loop, spec, choice, cache));
  // A disk that boots by itself has its own way to its kernel.
  const bool by_pvh = spec.kernel.pvh && !machine_spec(spec, Accel::tcg).kernel.empty();
  if (silent_death(outcome) != nullptr && by_pvh && !spec.kernel.vmlinuz.empty()) {
    spec.kernel.pvh = false;
    KOBOX_TRY(outcome, boot_by_choice(loop, spec, choice, cache));
    if (auto* booted = std::get_if<BootedGuest>(&outcome)) {
      remember_bzimage(spec.kernel, qemu, cache);
      booted->decision.reason +=
          "; by its bzImage, for by PVH the kernel died before its first word";
    }
  }
  const auto* death = silent_death(outcome);
  if (death == nullptr) return outcome;
  KOBOX_TRY(auto decision, settled_accel(spec.kernel, choice, cache));
  return boot_aloud(loop, spec, decision.value_or(AccelDecision{}), BootFailure(*death));
}

}  // namespace kobox
