// SPDX-License-Identifier: GPL-2.0-or-later
// A booted machine with its agent: what tests run in.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "guest/agent_client.h"
#include "guest/console_text.h"
#include "image/guest_disk.h"
#include "kernel/kernel.h"
#include "vm/machine.h"

namespace kobox {

// What becomes of the guest's memory.
enum class GuestMemory {
  ordinary,
  saveable,  // kept in a file in memory, so that save_guest (guest/snapshot.h) can take it
};

// What the kernel prints while it boots.
enum class BootOutput {
  problems,    // the parameter "quiet"
  everything,  // and from its first moment on
};

struct GuestSpec {
  Kernel kernel;
  std::filesystem::path initramfs;
  std::uint64_t memory = std::uint64_t{256} << 20;  // bytes
  int cpus = 1;
  Duration boot_limit = std::chrono::seconds(60);
  std::filesystem::path directory;  // private; console.log is written there
  GuestMemory kind_of_memory = GuestMemory::ordinary;
  TcgThreads tcg_threads = TcgThreads::each_cpu;  // boot_guest: once the agent has spoken
  std::optional<Tracing> tracing = {};
  std::vector<std::string> netdevs = {};  // MachineSpec::netdevs
  std::vector<std::string> devices = {};  // MachineSpec::devices
  std::optional<GuestDisk> disk = {};
  BootOutput boot_output = BootOutput::problems;
};

struct GuestSnapshot;

// The machine of a guest spec, as it would be started with this accelerator.
MachineSpec machine_spec(const GuestSpec& spec, Accel accel);

class Guest {
 public:
  // Starts the machine; the boot goes on while the loop runs. Errors: see Machine::start.
  static Result<std::unique_ptr<Guest>> start(EventLoop& loop, const GuestSpec& spec, Accel accel);
  // Starts a fork of a saved guest, which is stopped until run(): its memory is the snapshot's,
  // copy-on-write, or a copy of it when it is to be saveable itself. The console log in `directory`
  // begins with what the saved guest's console had printed. Errors: as start, and environment if
  // QEMU cannot load the state.
  struct ForkSpec {
    std::filesystem::path directory;
    GuestMemory kind_of_memory = GuestMemory::ordinary;
    TcgThreads tcg_threads = TcgThreads::each_cpu;
    std::optional<Tracing> tracing = {};
  };
  static Result<std::unique_ptr<Guest>> fork(EventLoop& loop, const GuestSnapshot& snapshot,
                                             const ForkSpec& fork);
  // Lets a fork run.
  Result<> run();
  // Goes on in another QEMU that runs the processors in such threads, with the same memory, disk
  // and console: QEMU takes the threads only when it starts. For a saveable guest whose agent has
  // nothing under way; takes about as long as a fork. False: QEMU cannot save this machine, which
  // goes on as it was. After an error there is no machine any more. Errors: as save_guest and fork.
  Result<bool> change_threads(TcgThreads threads);
  // Its devices' state was loaded from a saved one: devices that QEMU does not save have lost it.
  bool restored() const { return restored_; }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  AgentClient& agent() { return *agent_; }
  Machine& machine() { return *machine_; }
  EventLoop& loop() { return loop_; }
  Accel accel() const { return accel_; }
  const std::filesystem::path& console_log() const { return console_log_; }
  // What the serial console printed.
  const ConsoleText& console() const { return console_; }
  // What it was started from; of a saveable one the file of its memory too.
  const GuestSpec& spec() const { return spec_; }
  const Fd& memory() const { return memory_; }
  // The layers of its disk, the one that it writes to last; empty if it has none.
  const std::vector<Fd>& disk() const { return disk_; }

  // Says that the host has no space left for what the guest writes to its disk, and where: QEMU has
  // stopped the machine then. ErrorKind::environment.
  std::optional<Error> out_of_disk();

  // Waits while everything the machine sends is taken. Errors: timeout, interrupted, tool (the
  // machine ended: its words), and what out_of_disk says.
  Result<> wait_until(const std::function<bool()>& predicate, Deadline deadline);
  // Waits for something that is not the guest's, whatever becomes of the machine, and serves its
  // modprobes meanwhile. Errors: timeout, interrupted.
  Result<> serve_until(const std::function<bool()>& predicate, Deadline deadline);
  // A condition under which every wait for the guest ends early, with an error (tool): what is
  // waited for has become pointless. An empty function takes it away.
  void give_up_when(std::function<bool()> condition) { give_up_ = std::move(condition); }
  // A debugger may stop the machine, and will have it go on: until it is gone, the time that the
  // machine is stopped does not count in any wait for the guest.
  void let_debugger_stop(bool may) { debugged_ = may; }
  // Lets the machine go on for so long; it may end meanwhile, which is no error here.
  Result<> watch_for(Duration duration);

 private:
  Guest(EventLoop& loop, GuestSpec spec, Accel accel)
      : loop_(loop),
        spec_(std::move(spec)),
        accel_(accel),
        console_log_(spec_.directory / "console.log") {}
  Result<> start_machine(MachineSpec machine);
  Result<> open_disk(const std::vector<Fd>& frozen);
  Result<> load(const Fd& state);
  Result<> wait_and_serve(const std::function<bool()>& predicate, Deadline deadline);
  Result<> wait_while_it_runs(const std::function<bool()>& predicate, Deadline deadline);

  EventLoop& loop_;
  GuestSpec spec_;
  Accel accel_;
  std::filesystem::path console_log_;
  Fd memory_;
  std::vector<Fd> disk_;
  ConsoleText console_;
  std::function<bool()> give_up_;
  Deadline latest_ = Deadline::never();  // for every wait
  bool debugged_ = false;
  bool restored_ = false;
  std::unique_ptr<AgentClient> agent_;
  std::unique_ptr<Machine> machine_;  // last: its sinks use the members above
};

// Of a QEMU that has hung up its end is awaited, up to two seconds; else it is as Machine::end.
const std::optional<MachineEnd>& await_end(Guest& guest);

// Is this host to blame for an error in dealing with a guest? It is if QEMU was killed or gave up,
// and if the error is of kind environment or usage (no space, a file of the user's), whatever the
// guest does. Waits as await_end does.
bool host_at_fault(Guest& guest, const Error& error);

// Why a machine did not get to its agent; not an Error, for it may be the kernel's own doing.
struct BootFailure {
  std::string message;
  std::string console;  // as Guest::console
  std::filesystem::path console_log;
  bool host_at_fault = false;  // QEMU itself failed or was killed
  bool agent_spoke = false;    // it did get there, but was of no use
  bool silent = false;         // its time passed before the kernel had printed anything
  bool died_silent = false;    // it reset the machine before that
};

struct BootedGuest {
  std::unique_ptr<Guest> guest;
  AccelDecision decision;
};

using BootOutcome = std::variant<BootedGuest, BootFailure>;

// The accelerator, where the choice, the host and earlier findings in `cache` settle it without a
// try; nothing where boot_guest would find out by a race. Errors: environment (--accel kvm without
// a KVM that opens, or one that is known not to boot this kernel).
Result<std::optional<AccelDecision>> settled_accel(const Kernel& kernel, AccelChoice choice,
                                                   const std::filesystem::path& cache);

// Boots to the agent's hello, with the accelerator that the choice, the host and earlier findings
// allow. When KVM is possible but nothing is known of it, a KVM and a TCG machine boot the same
// kernel at once, and KVM is taken if it arrives before it has used more processor time than TCG
// needed; what was found is remembered in `cache` (docs/accel.md).
//
// Under TCG several processors take turns in one thread until the agent has spoken. With a thread
// each, QEMU before 8.1 may run a translation of code that another processor has patched meanwhile
// (it locks a page only after it was translated), and the kernel hangs or dies at a breakpoint of
// its own patching (text_poke_bp in arch/x86/kernel/alternative.c). Most patching is the boot's.
// A kernel that by PVH resets the machine before its first word (one with KASAN does) is booted by
// its bzImage, and from then on always (boot_memory.h): the guest's spec has the kernel as it was
// booted. A boot that fails in silence is begun once more with all that the kernel can print; of a
// failure that is the console.
// Errors: environment (no QEMU, --accel kvm without a KVM that opens), interrupted.
Result<BootOutcome> boot_guest(EventLoop& loop, const GuestSpec& spec, AccelChoice choice,
                               const std::filesystem::path& cache);

}  // namespace kobox
