// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/machine.h"

#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t k_max_error_text = 16 * 1024;
constexpr auto k_start_limit = 10s;
// glibc's malloc in QEMU: the heap grows by 16 MiB at once and, where the host has them, of huge
// pages. A third of all page faults of a machine's life is saved by it (docs/performance.md).
constexpr const char* k_malloc = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216";

// A QEMU option value: ',' separates sub-options and is doubled to stand for itself
// (QEMU's util/qemu-option.c).
std::string option_value(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c;
    if (c == ',') escaped += c;
  }
  return escaped;
}

// Each layer a file and a qcow2 node. No lock of QEMU's is wanted, since each process has its own
// topmost layer; nor a flush, since the host does not crash with the guest, unless it is to be
// kept.
void add_disk(CommandLine& command, std::size_t layers, bool kept) {
  const auto add = [&](const char* option, std::string value) {
    command.argv.insert(command.argv.end(), {option, std::move(value)});
  };
  for (std::size_t i = 0; i < layers; ++i) {
    const auto* access = i + 1 == layers ? "off" : "on";
    add("-blockdev",
        fmt::format("driver=file,node-name=file{},filename=/proc/self/fd/{},locking=off,"
                    "read-only={},cache.no-flush={}",
                    i, k_disk_fd + static_cast<int>(i), access, kept ? "off" : "on"));
    add("-blockdev", fmt::format("driver=qcow2,node-name=disk{0},file=file{0},read-only={1}{2}", i,
                                 access, i > 0 ? fmt::format(",backing=disk{}", i - 1) : ""));
  }
  add("-device", fmt::format("virtio-blk-pci,drive=disk{}", layers - 1));
}

}  // namespace

Result<std::filesystem::path> find_qemu(const Arch& arch) {
  if (auto found = find_program(arch.qemu)) return *found;
  return fail(ErrorKind::environment,
              "{} is not installed or not in PATH; on Debian: apt-get install {}", arch.qemu,
              arch.qemu_package);
}

CommandLine qemu_command(const std::filesystem::path& qemu, const MachineSpec& spec) {
  const bool kvm = spec.accel == Accel::kvm;
  CommandLine command;
  command.argv = {
      qemu.string(),
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-machine",
      std::string(spec.arch->machine),
      "-accel",
      kvm                                   ? "kvm"
      : spec.tcg_threads == TcgThreads::one ? "tcg,thread=single"
                                            : "tcg,thread=multi",
      "-cpu",
      kvm ? "host" : std::string(spec.arch->emulated_cpu),
      "-smp",
      std::to_string(spec.cpus),
      "-m",
      fmt::format("{}M", spec.memory >> 20),
  };
  const auto add = [&](const char* option, std::string value) {
    command.argv.insert(command.argv.end(), {option, std::move(value)});
  };
  if (!spec.kernel.empty()) {
    add("-kernel", spec.kernel.string());
    add("-initrd", spec.initramfs.string());
    add("-append", spec.command_line);
  }
  const std::vector<std::string> channels = {
      "-chardev",
      fmt::format("socket,id=monitor,fd={}", k_monitor_fd),
      "-mon",
      "chardev=monitor,mode=control",
      // A pipe, not a socket: the console comes byte by byte, and some 280 writes of one byte fill
      // a socket. What then has to be tried again QEMU would write into the log twice
      // (qemu_chr_write_buffer in chardev/char.c).
      "-chardev",
      fmt::format("file,id=console,path=/proc/self/fd/{},append=on,logfile={},logappend=on",
                  k_console_fd, option_value(spec.console_log.string())),
      "-serial",
      "chardev:console",
      "-chardev",
      fmt::format("socket,id=agent,fd={}", k_agent_fd),
      "-device",
      "virtio-serial-pci,max_ports=2",
      "-device",
      fmt::format("virtserialport,chardev=agent,name={}", spec.agent_port),
  };
  command.argv.insert(command.argv.end(), channels.begin(), channels.end());
  if (!spec.disk.empty()) add_disk(command, spec.disk.size(), spec.disk_is_kept);
  for (const auto& netdev : spec.netdevs) add("-netdev", netdev);
  for (const auto& device : spec.devices) add("-device", device);
  if (spec.memory_file) {
    // By number, not by name: the file may have been renamed or removed meanwhile, or have no name.
    add("-object",
        fmt::format("memory-backend-file,id=memory,size={}M,mem-path=/proc/self/fd/{},share={}",
                    spec.memory >> 20, k_memory_fd,
                    spec.memory_file->writes == MemoryFile::Writes::kept ? "on" : "off"));
    add("-machine", "memory-backend=memory");
  }
  if (spec.tracing) {
    add("-D", spec.tracing->log.string());
    if (kvm) add("-msg", "timestamp=on");  // under TCG the plugin says when
    if (!kvm && !spec.tracing->plugin.empty()) {
      add("-d", "plugin");
      add("-plugin", fmt::format("{},control={}", option_value(spec.tracing->plugin.string()),
                                 option_value(spec.tracing->control.string())));
    }
  }
  if (spec.start_from == StartFrom::saved_state) add("-incoming", "defer");
  return command;
}

Result<std::unique_ptr<Machine>> Machine::start(EventLoop& loop, const MachineSpec& spec,
                                                Channel::Sink on_console, Channel::Sink on_agent) {
  KOBOX_TRY(const auto qemu, find_qemu(*spec.arch));
  KOBOX_TRY(auto monitor, make_socket_pair());
  KOBOX_TRY(auto agent, make_socket_pair());
  KOBOX_TRY(auto console, make_pipe());
  KOBOX_TRY(auto errors, make_pipe());
  std::unique_ptr<Machine> machine(new Machine(loop));
  auto& m = *machine;
  ChildFds fds{.standard_output = errors.second.get(),
               .standard_error = errors.second.get(),
               .others = {{monitor.second.get(), k_monitor_fd},
                          {agent.second.get(), k_agent_fd},
                          {console.second.get(), k_console_fd}}};
  if (spec.memory_file) fds.others.emplace_back(spec.memory_file->fd, k_memory_fd);
  for (std::size_t i = 0; i < spec.disk.size(); ++i)
    fds.others.emplace_back(spec.disk[i], k_disk_fd + static_cast<int>(i));
  auto command = qemu_command(qemu, spec);
  if (std::getenv("GLIBC_TUNABLES") == nullptr)
    command.environment.emplace_back("GLIBC_TUNABLES", k_malloc);
  KOBOX_TRY(auto child, Child::spawn(command, fds));
  m.qemu_.emplace(std::move(child));
  // Our copies of QEMU's ends are closed on return; the streams end when QEMU does.
  m.exit_watch_ =
      std::make_unique<ReadableOnce>(loop, m.qemu_->pidfd(), [&m] { m.exited_ = true; });
  m.errors_ = std::make_unique<Channel>(loop, std::move(errors.first), [&m](std::string_view text) {
    m.error_text_ += text.substr(0, k_max_error_text - m.error_text_.size());
  });
  m.console_ = std::make_unique<Channel>(loop, std::move(console.first), std::move(on_console));
  m.agent_ = std::make_unique<Channel>(loop, std::move(agent.first), std::move(on_agent));
  m.monitor_ = std::make_unique<QmpClient>(loop, std::move(monitor.first));
  errors.second.reset();
  monitor.second.reset();
  agent.second.reset();
  console.second.reset();

  auto negotiated = m.monitor_->negotiate(Deadline::after(k_start_limit));
  if (negotiated) return machine;
  if (negotiated.error().kind() != ErrorKind::protocol) return std::unexpected(negotiated.error());
  // QEMU hung up: it is ending, and what it wrote to standard error says why.
  const auto ended = loop.wait_until([&m] { return m.end().has_value(); }, Deadline::after(2s));
  if (!ended && ended.error().kind() == ErrorKind::interrupted)
    return std::unexpected(ended.error());
  if (!ended) return std::unexpected(negotiated.error());  // it goes on, talking garbage
  return fail(ErrorKind::environment, "QEMU did not start: {}", m.end_->message);
}

Duration Machine::cpu_time() const {
  clockid_t clock = 0;
  timespec used = {};
  if (::clock_getcpuclockid(pid(), &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(used.tv_sec) +
                                              std::chrono::nanoseconds(used.tv_nsec));
}

const std::optional<MachineEnd>& Machine::end() {
  const bool drained =
      exited_ && console_->ended() && agent_->ended() && monitor_->ended() && errors_->ended();
  if (!end_ && drained)
    if (const auto status = qemu_->poll()) end_ = describe_end(*status);
  return end_;
}

MachineEnd Machine::describe_end(ExitStatus status) const {
  MachineEnd end{.status = status, .message = "QEMU " + status.to_string()};
  const auto said = trim(error_text_);
  if (!said.empty()) end.message += fmt::format(": {}", printable(said));
  if (status.signal != 0) {
    end.cause = MachineEnd::Cause::killed;
    return end;
  }
  // ShutdownCause, QEMU's qapi/run-state.json.
  for (const auto& event : monitor_->events()) {
    if (event.name != "SHUTDOWN") continue;
    const auto reason = event.text("reason");
    if (reason == "guest-shutdown") {
      end.cause = MachineEnd::Cause::powered_off;
      end.message = "the guest powered the machine off";
    } else if (reason == "guest-reset" || reason == "guest-panic") {
      end.cause = MachineEnd::Cause::reset;
      end.message = "the machine was reset from inside";
    } else if (reason == "host-signal") {
      end.cause = MachineEnd::Cause::killed;
      end.message = "QEMU was told to stop by a signal that kobox did not send";
    }
  }
  return end;
}

}  // namespace kobox
