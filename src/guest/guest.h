// SPDX-License-Identifier: GPL-2.0-or-later
// A booted machine with its agent: what tests run in.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/deadline.h"
#include "base/result.h"
#include "guest/agent_client.h"
#include "kernel/kernel.h"
#include "vm/machine.h"

namespace kobox {

struct GuestSpec {
  Kernel kernel;
  std::filesystem::path initramfs;
  std::uint64_t memory = std::uint64_t{256} << 20;  // bytes
  int cpus = 1;
  Duration boot_limit = std::chrono::seconds(60);
  std::filesystem::path folder;  // private; console.log is written there
};

// The machine of a guest spec, as it would be started with this accelerator.
MachineSpec machine_spec(const GuestSpec& spec, Accel accel);

class Guest {
 public:
  // Starts the machine; the boot goes on while the loop runs. Errors: see Machine::start.
  static Result<std::unique_ptr<Guest>> start(EventLoop& loop, const GuestSpec& spec, Accel accel);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  AgentClient& agent() { return *agent_; }
  Machine& machine() { return *machine_; }
  Accel accel() const { return accel_; }
  const std::filesystem::path& console_log() const { return console_log_; }
  // What the serial console printed: all of it, up to 4 MiB, then only its first part.
  const std::string& console() const { return console_; }

  // Waits while everything the machine sends is taken. Errors: timeout, interrupted, tool (the
  // machine ended: its words).
  Result<> wait_until(const std::function<bool()>& predicate, Deadline deadline);
  // A condition under which every wait for the guest ends early, with an error (tool): what is
  // waited for has become pointless. An empty function takes it away.
  void give_up_when(std::function<bool()> condition) { give_up_ = std::move(condition); }
  // Lets the machine go on for so long; it may end meanwhile, which is no error here.
  Result<> watch_for(Duration duration);

 private:
  explicit Guest(EventLoop& loop) : loop_(loop) {}

  EventLoop& loop_;
  Accel accel_ = Accel::tcg;
  std::filesystem::path console_log_;
  std::string console_;
  std::function<bool()> give_up_;
  std::unique_ptr<AgentClient> agent_;
  std::unique_ptr<Machine> machine_;  // last: its sinks use the members above
};

// Why a machine did not get to its agent; not an Error, for it may be the kernel's own doing.
struct BootFailure {
  std::string message;
  std::string console;  // all of it, as Guest::console
  std::filesystem::path console_log;
  bool host_at_fault = false;  // QEMU itself failed or was killed
};

struct BootedGuest {
  std::unique_ptr<Guest> guest;
  AccelDecision decision;
};

using BootOutcome = std::variant<BootedGuest, BootFailure>;

// Boots to the agent's hello, with the accelerator that the wish, the host and earlier findings
// allow. When KVM is possible but nothing is known of it, a KVM and a TCG machine boot the same
// kernel at once and the first to arrive is taken; the finding is remembered in `cache`.
// Errors: environment (no QEMU, --accel kvm without a KVM that opens), interrupted.
Result<BootOutcome> boot_guest(EventLoop& loop, const GuestSpec& spec, AccelWish wish,
                               const std::filesystem::path& cache);

}  // namespace kobox
