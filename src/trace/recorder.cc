// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/recorder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>

#include "base/installed.h"
#include "trace/control.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_monitor_limit = 10s;

Result<> switch_events(Machine& machine, const std::set<std::string>& events, bool on) {
  for (const auto& name : events)
    KOBOX_CHECK(machine.monitor().execute("trace-event-set-state", {{"name", name}, {"enable", on}},
                                          Deadline::after(k_monitor_limit)));
  return {};
}

}  // namespace

struct QemuRecorder::Control {
  TraceControl* mapped = nullptr;
  explicit Control(TraceControl* at) : mapped(at) {}
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control() { ::munmap(mapped, sizeof *mapped); }
};

Result<fs::path> find_trace_plugin() {
  return installed_file("kobox-trace.so", "KOBOX_TRACE_PLUGIN", "QEMU's plugin for tracing");
}

QemuRecorder::QemuRecorder(TempDir directory, Tracing tracing, std::unique_ptr<Control> control)
    : directory_(std::move(directory)),
      tracing_(std::move(tracing)),
      control_(std::move(control)) {}
QemuRecorder::QemuRecorder(QemuRecorder&&) noexcept = default;
QemuRecorder& QemuRecorder::operator=(QemuRecorder&&) noexcept = default;
QemuRecorder::~QemuRecorder() = default;

Result<QemuRecorder> QemuRecorder::make(const fs::path& plugin) {
  KOBOX_TRY(auto directory, TempDir::make(fs::temp_directory_path(), "kobox-trace-"));
  Tracing tracing{.log = directory.path() / "qemu.log",
                  .plugin = plugin,
                  .control = directory.path() / "control"};
  const Fd file(::open(tracing.control.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), sizeof(TraceControl)) != 0)
    return fail_errno("cannot make {}", tracing.control.string());
  void* mapped =
      ::mmap(nullptr, sizeof(TraceControl), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return fail_errno("cannot map {}", tracing.control.string());
  auto control = std::make_unique<Control>(new (mapped) TraceControl{});
  control->mapped->version = TraceControl::k_version;
  return QemuRecorder(std::move(directory), std::move(tracing), std::move(control));
}

Result<> QemuRecorder::start(Machine& machine, const TraceSymbols& symbols,
                             const std::set<std::string>& events) {
  auto& control = *control_->mapped;
  const auto functions = symbols.module_functions();
  const auto& code = symbols.module_code();
  if (functions.size() > TraceControl::k_max_functions || code.size() > TraceControl::k_max_ranges)
    return fail(ErrorKind::environment,
                "the module has {} functions in {} sections; the plugin takes {} in {}",
                functions.size(), code.size(), +TraceControl::k_max_functions,
                +TraceControl::k_max_ranges);
  std::ranges::copy(functions, control.functions);
  control.function_count = static_cast<std::uint32_t>(functions.size());
  for (std::size_t i = 0; i < code.size(); ++i) control.ranges[i] = {code[i].begin, code[i].end};
  control.entries = {symbols.entries().begin, symbols.entries().end};
  control.range_count = static_cast<std::uint32_t>(code.size());
  events_ = events;
  KOBOX_CHECK(switch_events(machine, events_, true));
  control.recording.store(1, std::memory_order_release);
  return {};
}

Result<> QemuRecorder::stop(Machine& machine) {
  control_->mapped->recording.store(0, std::memory_order_release);
  if (machine.end()) return {};
  return switch_events(machine, events_, false);
}

}  // namespace kobox
