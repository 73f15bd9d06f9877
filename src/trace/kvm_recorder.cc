// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/kvm_recorder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>
#include <tuple>

#include <x86intrin.h>

#include "arch/arch.h"
#include "base/files.h"
#include "base/text.h"
#include "trace/host_records.h"
#include "trace/libtracefs.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_monitor_limit = 10s;
constexpr const char* k_prefix = "kobox-";
constexpr std::uint64_t k_max_text = 1 << 20;

// Reads each CPU's records as they come, into a file of its own.
class RingDrain {
 public:
  RingDrain() = default;
  RingDrain(const RingDrain&) = delete;
  RingDrain& operator=(const RingDrain&) = delete;
  ~RingDrain() { stop(); }

  struct Pipe {
    Fd from, to;
  };
  Result<> start(std::vector<Pipe> pipes) {
    pipes_ = std::move(pipes);
    wake_ = Fd(::eventfd(0, EFD_CLOEXEC));
    if (!wake_) return fail_errno("cannot make an eventfd");
    thread_ = std::thread([this] { run(); });
    return {};
  }
  // Once the kernel records no more. Gives errno of a file that could not be written, or 0.
  int stop() {
    if (thread_.joinable()) {
      ::eventfd_write(wake_.get(), 1);
      thread_.join();
      pipes_.clear();  // an instance in use cannot be taken away
    }
    return error_;
  }

 private:
  void run() {
    std::vector<pollfd> watched;
    watched.reserve(pipes_.size() + 1);
    for (const auto& pipe : pipes_) watched.push_back({pipe.from.get(), POLLIN, 0});
    watched.push_back({wake_.get(), POLLIN, 0});
    while ((watched.back().revents & POLLIN) == 0) {
      ::poll(watched.data(), watched.size(), -1);
      for (const auto& pipe : pipes_) drain(pipe);
    }
  }
  void drain(const Pipe& pipe) {
    std::array<char, k_ring_page> page;
    for (;;) {
      const auto got = ::read(pipe.from.get(), page.data(), page.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      if (error_ != 0) continue;  // the kernel's buffer is emptied all the same
      const auto wrote = ::write(pipe.to.get(), page.data(), static_cast<std::size_t>(got));
      if (wrote != got) error_ = wrote < 0 ? errno : ENOSPC;
    }
  }

  std::vector<Pipe> pipes_;
  Fd wake_;
  std::thread thread_;
  int error_ = 0;
};

// Instances of a kobox that was killed.
void remove_stale_instances() {
  char** names = tracefs_instances(nullptr);
  if (names == nullptr) return;
  for (char** name = names; *name != nullptr; ++name) {
    const std::string_view text = *name;
    if (!text.starts_with(k_prefix)) continue;
    const auto pid = std::atoi(*name + std::strlen(k_prefix));
    if (pid <= 0 || ::kill(pid, 0) == 0 || errno != ESRCH) continue;
    if (auto* stale = tracefs_instance_create(*name); stale != nullptr) {
      tracefs_instance_destroy(stale);
      tracefs_instance_free(stale);
    }
  }
  tracefs_list_free(names);
}

std::optional<std::uint64_t> number_in(const fs::path& file) {
  const auto text = read_file(file, 64);
  if (!text) return std::nullopt;
  char* end = nullptr;
  const auto value = std::strtoll(text->c_str(), &end, 10);
  if (end == text->c_str()) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

// "overrun: 12" and "dropped events: 3" of per_cpu/cpuN/stats.
std::uint64_t lost_in(const std::string& stats) {
  std::uint64_t sum = 0;
  for (const auto line : lines_of(stats))
    for (const std::string_view key : {"overrun: ", "dropped events: "})
      if (line.starts_with(key)) sum += std::strtoull(line.data() + key.size(), nullptr, 10);
  return sum;
}

}  // namespace

const std::set<std::string>& kvm_base_tracepoints() {
  static const std::set<std::string> names = {"kvm_exit", "kvm_entry", "kvm_pio", "kvm_mmio",
                                              "kvm_msr"};
  return names;
}

ClockSample ClockSample::take() {
  timespec time = {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return {.tsc = __rdtsc(),
          .ns = static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
                static_cast<std::uint64_t>(time.tv_nsec)};
}

struct KvmRecorder::Instance {
  tracefs_instance* handle = nullptr;
  fs::path directory;  // for the records
  fs::path tracing;    // the instance's own
  std::vector<EventFormat> formats;
  std::vector<RecordFile> files;
  RingDrain drain;
  bool recording = false;
  std::map<unsigned, unsigned> vcpus;
  std::map<unsigned, ClockRelation> clocks;
  RegionMap regions;
  ClockSample begin, end;
  std::uint64_t lost = 0;

  Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance() {
    if (handle == nullptr) return;
    tracefs_trace_off(handle);
    drain.stop();
    tracefs_instance_destroy(handle);
    tracefs_instance_free(handle);
  }
  Result<> choose(const std::set<std::string>& tracepoints);
  Result<> find_vcpus(Machine& machine);
  void read_clocks(pid_t qemu);
  Result<> open_pipes();
};

Result<> KvmRecorder::Instance::choose(const std::set<std::string>& tracepoints) {
  for (const auto& name : tracepoints) {
    if (tracefs_event_enable(handle, "kvm", name.c_str()) != 0) {
      if (name == "kvm_exit" || name == "kvm_entry")
        return fail(ErrorKind::environment, "the host's kernel does not record kvm:{}", name);
      continue;
    }
    KOBOX_TRY(const auto text, read_file(tracing / "events/kvm" / name / "format", k_max_text));
    KOBOX_TRY(auto format, parse_host_event_format(text));
    formats.push_back(std::move(format));
  }
  return {};
}

Result<KvmRecorder> KvmRecorder::make(const std::set<std::string>& tracepoints,
                                      std::uint64_t buffer, const fs::path& directory) {
  remove_stale_instances();
  KvmRecorder recorder;
  auto& instance = *recorder.instance_;
  const auto name = fmt::format("{}{}-{}", k_prefix, ::getpid(), directory.filename().string());
  errno = 0;
  instance.handle = tracefs_instance_create(name.c_str());
  if (instance.handle == nullptr) {
    const int error = errno;
    return fail(ErrorKind::environment,
                "the host's tracing cannot be used ({}): KVM's tracepoints need write access to "
                "/sys/kernel/tracing, which as a rule only root has",
                std::strerror(error == 0 ? EACCES : error));
  }
  if (char* tracing = tracefs_instance_get_dir(instance.handle); tracing != nullptr) {
    instance.tracing = tracing;
    tracefs_put_tracing_file(tracing);
  }
  instance.directory = directory;
  tracefs_trace_off(instance.handle);
  const std::string clock(default_arch().trace_clock);
  if (tracefs_instance_file_write(instance.handle, "trace_clock", clock.c_str()) < 0)
    return fail(ErrorKind::environment, "the host's tracing has no clock {}", clock);
  tracefs_instance_set_buffer_size(instance.handle, buffer >> 10, -1);
  KOBOX_CHECK(instance.choose(tracepoints));
  return recorder;
}

KvmRecorder::KvmRecorder() : instance_(std::make_unique<Instance>()) {}
KvmRecorder::KvmRecorder(KvmRecorder&&) noexcept = default;
KvmRecorder& KvmRecorder::operator=(KvmRecorder&&) noexcept = default;
KvmRecorder::~KvmRecorder() = default;

Result<> KvmRecorder::Instance::find_vcpus(Machine& machine) {
  KOBOX_TRY(const auto found, machine.monitor().execute("query-cpus-fast", nlohmann::json::object(),
                                                        Deadline::after(k_monitor_limit)));
  std::string threads;
  for (const auto& cpu : found) {
    const auto index = cpu.value("cpu-index", 0U);
    const auto thread = cpu.value("thread-id", 0U);
    vcpus[thread] = index;
    threads += fmt::format("{} ", thread);
  }
  if (tracefs_instance_file_write(handle, "set_event_pid", threads.c_str()) < 0)
    return fail(ErrorKind::environment, "the host's tracing takes no set_event_pid");
  return {};
}

// KVM's debugfs: kvm/PID-FD/vcpuN/tsc-offset and, where counters can run at a speed of their own,
// tsc-scaling-ratio (arch/x86/kvm/debugfs.c).
void KvmRecorder::Instance::read_clocks(pid_t qemu) {
  const auto prefix = fmt::format("{}-", qemu);
  std::error_code error;
  for (const auto& machine : fs::directory_iterator("/sys/kernel/debug/kvm", error)) {
    if (!machine.path().filename().string().starts_with(prefix)) continue;
    for (const auto& [thread, index] : vcpus) {
      const auto cpu = machine.path() / fmt::format("vcpu{}", index);
      const auto offset = number_in(cpu / "tsc-offset");
      if (!offset) continue;
      ClockRelation relation{.offset = static_cast<std::int64_t>(*offset)};
      const auto ratio = number_in(cpu / "tsc-scaling-ratio");
      const auto bits = number_in(cpu / "tsc-scaling-ratio-frac-bits");
      if (ratio && bits && *bits < 64 && *ratio != 0) {
        relation.ratio = *ratio;
        relation.fraction_bits = static_cast<unsigned>(*bits);
      }
      clocks[index] = relation;
    }
  }
}

Result<> KvmRecorder::Instance::open_pipes() {
  std::vector<RingDrain::Pipe> pipes;
  for (unsigned cpu = 0;; ++cpu) {
    const auto from = tracing / fmt::format("per_cpu/cpu{}/trace_pipe_raw", cpu);
    std::error_code error;
    if (!fs::exists(from, error)) break;
    RingDrain::Pipe pipe;
    pipe.from = Fd(::open(from.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!pipe.from) continue;  // a CPU that is switched off
    const auto to = directory / fmt::format("host-{}", cpu);
    pipe.to = Fd(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!pipe.to) return fail_errno("cannot make {}", to.string());
    files.push_back({.path = to, .of = RecordFile::Of::host, .cpu = cpu});
    pipes.push_back(std::move(pipe));
  }
  return drain.start(std::move(pipes));
}

Result<> KvmRecorder::start(Machine& machine) {
  auto& instance = *instance_;
  KOBOX_CHECK(instance.find_vcpus(machine));
  KOBOX_TRY(const auto mtree,
            machine.monitor().execute("human-monitor-command", {{"command-line", "info mtree -f"}},
                                      Deadline::after(k_monitor_limit)));
  if (mtree.is_string()) instance.regions = RegionMap(mtree.get<std::string>());
  instance.read_clocks(machine.pid());
  KOBOX_CHECK(instance.open_pipes());
  instance.begin = ClockSample::take();
  if (tracefs_trace_on(instance.handle) != 0)
    return fail(ErrorKind::environment, "the host's tracing cannot be switched on");
  instance.recording = true;
  return {};
}

Result<> KvmRecorder::stop() {
  auto& instance = *instance_;
  if (!instance.recording) return {};
  tracefs_trace_off(instance.handle);
  instance.recording = false;
  instance.end = ClockSample::take();
  const int error = instance.drain.stop();
  for (const auto& file : instance.files) {
    const auto stats =
        read_file(instance.tracing / fmt::format("per_cpu/cpu{}/stats", file.cpu), k_max_text);
    if (stats) instance.lost += lost_in(*stats);
  }
  if (error != 0)
    return fail(ErrorKind::environment, "cannot write the recording below {}: {}",
                instance.directory.string(), std::strerror(error));
  return {};
}

std::vector<RecordFile> KvmRecorder::files() const { return instance_->files; }
const std::vector<EventFormat>& KvmRecorder::formats() const { return instance_->formats; }
const std::map<unsigned, unsigned>& KvmRecorder::vcpus() const { return instance_->vcpus; }
const RegionMap& KvmRecorder::regions() const { return instance_->regions; }
std::uint64_t KvmRecorder::lost() const { return instance_->lost; }

std::optional<ClockRelation> KvmRecorder::guest_clock(unsigned vcpu) const {
  const auto found = instance_->clocks.find(vcpu);
  if (found == instance_->clocks.end()) return std::nullopt;
  return found->second;
}

std::uint64_t KvmRecorder::nanoseconds(std::uint64_t tsc) const {
  const auto& [begin, end] = std::tie(instance_->begin, instance_->end);
  const auto ticks = static_cast<double>(end.tsc - begin.tsc);
  if (ticks <= 0) return begin.ns;
  const double rate = static_cast<double>(end.ns - begin.ns) / ticks;
  const auto since = static_cast<double>(static_cast<std::int64_t>(tsc - begin.tsc));
  return begin.ns + static_cast<std::uint64_t>(static_cast<std::int64_t>(since * rate));
}

}  // namespace kobox
