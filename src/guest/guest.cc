// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/guest.h"

#include <fcntl.h>

#include <algorithm>

#include "base/files.h"
#include "guest/snapshot.h"
#include "vm/snapshot.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// For QEMU to read a few hundred kilobytes, and to go on.
constexpr Duration k_resume_limit = 10s;
constexpr Duration k_save_limit = 20s;  // to write them

// Between QEMU's hanging up and its end.
constexpr Duration k_end_limit = 2s;

// Sources: Documentation/admin-guide/kernel-parameters.txt.
std::string kernel_command_line(const Arch& arch, Accel accel, bool disk, BootOutput output) {
  std::string line = fmt::format("console={} ", arch.console);
  line += output == BootOutput::problems ? "quiet"
                                         : std::string(arch.early_console) + " ignore_loglevel";
  line +=
      " "
      "log_buf_len=1M "   // 4.6 MB with its descriptors: few outrun the agent then
      "panic=-1 "         // reset at once; QEMU's -no-reboot makes that the machine's end
      "nokaslr "          // modules and kernel where their symbols say
      "mitigations=off "  // the guest is thrown away; translation and boot are faster
      "random.trust_cpu=on "
      "rcupdate.rcu_expedited=1 "  // unloading a module waits for grace periods
      // What no module's test sees, but every system call would run through.
      "psi=0 lsm= audit=0 cgroup_disable=memory "
      // A module's slab cache is one of its own, so that its name goes with it: up to 6.1 the name
      // of a merged one stays.
      "slab_nomerge "
      "kfence.sample_interval=100 "  // Debian builds KFENCE in from 6.12, switched off
      "rdinit=/init";
  if (disk) line += " root=/dev/vda1 rw";
  if (accel == Accel::tcg) line += arch.emulated_parameters;
  return line;
}

}  // namespace

MachineSpec machine_spec(const GuestSpec& spec, Accel accel) {
  const bool boots_itself = spec.disk && spec.disk->boot == BootFrom::disk;
  // The layers have no numbers yet: two of them, as a machine that is no fork has.
  const std::vector<int> layers(spec.disk ? 2 : 0, -1);
  return {.arch = spec.kernel.arch,
          .kernel = boots_itself ? "" : spec.kernel.boot_image(),
          .initramfs = spec.initramfs,
          .command_line = kernel_command_line(*spec.kernel.arch, accel, spec.disk.has_value(),
                                              spec.boot_output),
          .memory = spec.memory,
          .cpus = spec.cpus,
          .accel = accel,
          .console_log = spec.directory / "console.log",
          .agent_port = wire::k_port_name,
          .tcg_threads = spec.tcg_threads,
          .tracing = spec.tracing,
          .netdevs = spec.netdevs,
          .devices = spec.devices,
          .disk = layers};
}

// The image, what forks share, and a layer of this machine's own, which has no name and so leaves
// nothing behind.
Result<> Guest::open_disk(const std::vector<Fd>& frozen) {
  if (!spec_.disk) return {};
  const auto& disk = *spec_.disk;
  const auto open_layer = [&](const std::filesystem::path& path, int flags) -> Result<> {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
    if (!fd) return fail_errno("cannot open the guest's disk {}", path.string());
    disk_.push_back(std::move(fd));
    return {};
  };
  KOBOX_CHECK(open_layer(disk.image, O_RDONLY));
  for (const auto& layer : frozen) {
    KOBOX_TRY(auto reopened, reopen(layer, O_RDONLY));
    disk_.push_back(std::move(reopened));
  }
  if (!disk.kept_layer.empty()) return open_layer(disk.kept_layer, O_RDWR);
  const auto path = spec_.directory / "disk.qcow2";
  KOBOX_TRY(const auto empty, read_file(disk.overlay));
  KOBOX_CHECK(write_file(path, empty));
  KOBOX_CHECK(open_layer(path, O_RDWR));
  return remove_tree(path);
}

Result<> Guest::start_machine(MachineSpec machine) {
  machine.disk.clear();
  for (const auto& layer : disk_) machine.disk.push_back(layer.get());
  machine.disk_is_kept = spec_.disk && !spec_.disk->kept_layer.empty();
  if (memory_) machine.memory_file = MemoryFile{memory_.get(), MemoryFile::Writes::kept};
  if (!agent_)
    agent_ = std::make_unique<AgentClient>(
        [this](std::string bytes) { machine_->agent().send(std::move(bytes)); },
        [this](const std::function<bool()>& predicate, Deadline deadline) {
          return wait_until(predicate, deadline);
        });
  KOBOX_TRY(machine_, Machine::start(
                          loop_, machine, [this](std::string_view text) { console_.append(text); },
                          [this](std::string_view bytes) { agent_->take(bytes); }));
  return {};
}

Result<std::unique_ptr<Guest>> Guest::start(EventLoop& loop, const GuestSpec& spec, Accel accel) {
  std::unique_ptr<Guest> guest(new Guest(loop, spec, accel));
  KOBOX_CHECK(guest->open_disk({}));
  if (spec.kind_of_memory == GuestMemory::saveable) {
    KOBOX_TRY(guest->memory_, make_guest_memory(spec.memory));
  }
  KOBOX_CHECK(guest->start_machine(machine_spec(spec, accel)));
  return guest;
}

Result<std::unique_ptr<Guest>> Guest::fork(EventLoop& loop, const GuestSnapshot& snapshot,
                                           const ForkSpec& fork) {
  const auto kind = fork.kind_of_memory;
  auto spec = snapshot.spec;
  spec.directory = fork.directory;
  spec.kind_of_memory = kind;
  spec.tcg_threads = fork.tcg_threads;
  spec.tracing = fork.tracing;
  std::unique_ptr<Guest> guest(new Guest(loop, spec, snapshot.accel));
  KOBOX_CHECK(guest->open_disk(snapshot.disk));
  auto machine = machine_spec(spec, snapshot.accel);
  machine.start_from = StartFrom::saved_state;
  machine.memory_file = MemoryFile{snapshot.memory.get(), MemoryFile::Writes::discarded};
  if (kind == GuestMemory::saveable) {
    KOBOX_TRY(guest->memory_, make_guest_memory(spec.memory));
    KOBOX_CHECK(copy_sparse(snapshot.memory, guest->memory_));
  }
  KOBOX_CHECK(write_file(guest->console_log_, snapshot.console.text()));
  guest->console_ = snapshot.console;
  KOBOX_CHECK(guest->start_machine(machine));
  guest->agent_->resume(snapshot.standing);
  KOBOX_CHECK(guest->load(snapshot.state));
  return guest;
}

Result<> Guest::run() { return resume(*machine_, Deadline::after(k_resume_limit)); }

Result<bool> Guest::change_threads(TcgThreads threads) {
  KOBOX_TRY(const auto state, make_memory_file("kobox-state"));
  const auto saved = save_state(loop_, *machine_, state, Deadline::after(k_save_limit));
  const bool refused = !saved && saved.error().kind() == ErrorKind::tool;
  if (refused) {
    KOBOX_CHECK(run());
    return false;
  }
  if (!saved) return std::unexpected(saved.error());
  loop_.run_ready();  // what the guest had sent before it stopped
  // The old QEMU goes first: two may not have one disk open for writing.
  machine_.reset();
  spec_.tcg_threads = threads;
  auto machine = machine_spec(spec_, accel_);
  machine.start_from = StartFrom::saved_state;
  KOBOX_CHECK(start_machine(std::move(machine)));
  KOBOX_CHECK(load(state));
  KOBOX_CHECK(run());
  return true;
}

Result<> Guest::load(const Fd& state) {
  KOBOX_TRY(const auto from_its_start, reopen(state, O_RDONLY));
  restored_ = true;
  return load_state(loop_, *machine_, from_its_start, Deadline::after(k_resume_limit));
}

// A loop's wait, which is made longer by the time that the machine is stopped.
Result<> Guest::wait_while_it_runs(const std::function<bool()>& predicate, Deadline deadline) {
  const auto& standstill = machine_->monitor().standstill();
  const auto before = standstill.past();
  for (;;) {
    const bool stopped = debugged_ && standstill.stopped();
    const auto end = stopped     ? Deadline::never()
                     : debugged_ ? deadline.later_by(standstill.past() - before)
                                 : deadline;
    bool turned = false;
    KOBOX_CHECK(loop_.wait_until(
        [&] {
          turned = debugged_ && standstill.stopped() != stopped;
          return predicate() || turned;
        },
        end.sooner(latest_)));
    if (!turned) return {};
  }
}

// QEMU's qapi/block-core.json: without another werror a write stops the machine for want of space
// only.
std::optional<Error> Guest::out_of_disk() {
  if (!spec_.disk) return std::nullopt;
  const bool stopped = std::ranges::any_of(machine_->monitor().events(), [](const QmpEvent& event) {
    return event.name == "BLOCK_IO_ERROR" && event.text("action") == "stop";
  });
  if (!stopped) return std::nullopt;
  const auto& kept = spec_.disk->kept_layer;
  return Error(
      ErrorKind::environment,
      fmt::format("no space left on this host for what the guest writes to its disk: free "
                  "some on the disk of {}, or set XDG_STATE_HOME to a directory that has it",
                  (kept.empty() ? spec_.directory : kept).string()));
}

Result<> Guest::wait_until(const std::function<bool()>& predicate, Deadline deadline) {
  const auto pointless = [&] { return give_up_ && give_up_(); };
  KOBOX_CHECK(wait_and_serve(
      [&] { return predicate() || machine_->end() || pointless() || out_of_disk(); }, deadline));
  if (predicate()) return {};
  if (machine_->end()) return fail(ErrorKind::tool, "{}", machine_->end()->message);
  if (auto full = out_of_disk()) return std::unexpected(std::move(*full));
  return fail(ErrorKind::timeout, "the guest was given up");
}

// Modules that the guest's kernel asks for meanwhile are loaded, which waits too, for other things.
Result<> Guest::wait_and_serve(const std::function<bool()>& predicate, Deadline deadline) {
  for (;;) {
    KOBOX_CHECK(
        wait_while_it_runs([&] { return predicate() || agent_->modprobe_waits(); }, deadline));
    if (predicate()) return {};
    agent_->serve_next_modprobe();
  }
}

// A machine that a debugger has stopped answers nothing that is asked on behalf of a modprobe; that
// holds nobody up who wants to leave.
Result<> Guest::serve_until(const std::function<bool()>& predicate, Deadline deadline) {
  give_up_when(predicate);
  latest_ = deadline;
  Result<> waited;
  while (waited && !predicate()) {
    waited = loop_.wait_until([&] { return predicate() || agent_->modprobe_waits(); }, deadline);
    if (waited && !predicate()) agent_->serve_next_modprobe();
  }
  give_up_when({});
  latest_ = Deadline::never();
  return waited;
}

Result<> Guest::watch_for(Duration duration) {
  auto waited =
      wait_and_serve([&] { return machine_->end().has_value(); }, Deadline::after(duration));
  if (!waited && waited.error().kind() != ErrorKind::timeout)
    return std::unexpected(waited.error());
  return {};
}

const std::optional<MachineEnd>& await_end(Guest& guest) {
  auto& machine = guest.machine();
  if (machine.monitor().ended()) {
    [[maybe_unused]] const auto waited = guest.loop().wait_until(
        [&] { return machine.end().has_value(); }, Deadline::after(k_end_limit));
  }
  return machine.end();
}

bool host_at_fault(Guest& guest, const Error& error) {
  if (error.kind() == ErrorKind::environment || error.kind() == ErrorKind::usage) return true;
  const auto& end = await_end(guest);
  if (!end) return false;
  const auto cause = end->cause;
  return cause == MachineEnd::Cause::killed || cause == MachineEnd::Cause::failed;
}

}  // namespace kobox
