// SPDX-License-Identifier: GPL-2.0-or-later
// One QEMU machine: its command line, its life, its end.
//
// The machine has no network and no default device, and a disk only if it is given one: a CPU,
// memory, a serial console, and one virtio-serial port for the guest's agent. Its monitor, its
// console and the agent's port are socket pairs that QEMU inherits, so no name in the file system
// and no TCP port leads to them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/arch.h"
#include "base/child.h"
#include "base/result.h"
#include "vm/accel.h"
#include "vm/event_loop.h"
#include "vm/qmp.h"

namespace kobox {

// A file that is the machine's memory.
struct MemoryFile {
  enum class Writes {
    kept,       // what the guest writes goes into the file
    discarded,  // copy-on-write: the file stays as it is
  };
  int fd = -1;  // open for reading and writing, exactly as long as the machine's memory
  Writes writes = Writes::discarded;
};

enum class StartFrom {
  power_on,
  saved_state,  // stopped until load_state() and resume() (vm/snapshot.h)
};

// Who runs the processors under TCG (QEMU's -accel tcg,thread=…).
enum class TcgThreads {
  each_cpu,
  // One after the other. For debuggers: with a thread for each of several processors, QEMU 7.2 now
  // and then goes on wrongly after a stop. Of 75 tests that step through code 10 failed, some with
  // the guest's kernel jumping onto its stack; with one thread none of 60 did.
  one,
};

// QEMU's log of what its devices are asked for, and the plugin that says who asks (plugin/).
struct Tracing {
  std::filesystem::path log;      // QEMU writes its trace events here, and the plugin its lines
  std::filesystem::path plugin;   // empty: none
  std::filesystem::path control;  // the plugin's: a TraceControl (trace/control.h)
};

struct MachineSpec {
  const Arch* arch = &default_arch();
  std::filesystem::path kernel;  // what -kernel gets; empty: the disk's own boot loader
  std::filesystem::path initramfs;
  std::string command_line;  // the kernel's
  std::uint64_t memory = 0;  // bytes
  int cpus = 1;
  Accel accel = Accel::tcg;
  std::filesystem::path console_log;  // QEMU appends the serial console to it
  std::string agent_port;             // the virtio-serial port's name, as the guest sees it
  std::optional<MemoryFile> memory_file = {};  // none: memory of QEMU's own
  StartFrom start_from = StartFrom::power_on;
  TcgThreads tcg_threads = TcgThreads::each_cpu;
  std::optional<Tracing> tracing = {};
  std::vector<std::string> netdevs = {};  // as QEMU's -netdev takes them
  std::vector<std::string> devices = {};  // further ones, as QEMU's -device takes them
  // A virtio disk: open qcow2 files, each with what differs from the one before. Only the last is
  // written, and must be open for that; QEMU opens them by number. Empty: no disk.
  std::vector<int> disk = {};
  bool disk_is_kept = false;  // what is written to it has to outlive the host
};

// Descriptor numbers that QEMU inherits.
inline constexpr int k_monitor_fd = 3;
inline constexpr int k_agent_fd = 4;
inline constexpr int k_console_fd = 5;
inline constexpr int k_memory_fd = 6;
inline constexpr int k_disk_fd = 7;  // and those that follow

// The QEMU binary for an architecture; ErrorKind::environment says which package has it.
Result<std::filesystem::path> find_qemu(const Arch& arch);
// The exact command line, as --dry-run prints it.
CommandLine qemu_command(const std::filesystem::path& qemu, const MachineSpec& spec);

// How a machine ended.
struct MachineEnd {
  enum class Cause {
    powered_off,  // the guest asked for it
    reset,        // the guest reset, or triple-faulted, or panicked (panic=-1 resets at once)
    killed,       // QEMU was killed by a signal that was not ours
    failed,       // QEMU gave up by itself
  };
  Cause cause = Cause::failed;
  ExitStatus status;
  std::string message;  // "QEMU was killed by signal 9 (Killed)", with QEMU's own words if any
};

class Machine {
 public:
  // Starts QEMU and negotiates with its monitor. Errors: environment (QEMU missing or it refuses
  // to start: its own words), timeout (10 s), interrupted. The sinks are called from the loop.
  static Result<std::unique_ptr<Machine>> start(EventLoop& loop, const MachineSpec& spec,
                                                Channel::Sink on_console, Channel::Sink on_agent);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() = default;  // kills QEMU

  Channel& agent() { return *agent_; }
  QmpClient& monitor() { return *monitor_; }
  pid_t pid() const { return qemu_->pid(); }
  // What QEMU and its guest have used of the host's processors so far; 0 once it has ended.
  Duration cpu_time() const;
  // Set once QEMU has ended and its last console text was taken.
  const std::optional<MachineEnd>& end();

 private:
  explicit Machine(EventLoop& loop) : loop_(loop) {}
  MachineEnd describe_end(ExitStatus status) const;

  EventLoop& loop_;
  std::string error_text_;  // QEMU's standard error, bounded
  bool exited_ = false;
  std::optional<MachineEnd> end_;
  std::optional<Child> qemu_;
  std::unique_ptr<ReadableOnce> exit_watch_;
  std::unique_ptr<Channel> errors_;
  std::unique_ptr<Channel> console_;
  std::unique_ptr<Channel> agent_;
  std::unique_ptr<QmpClient> monitor_;
};

}  // namespace kobox
