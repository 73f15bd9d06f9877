// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "trace/qemu_log.h"
#include "workbench/trace_source.h"

namespace kobox {
namespace {

Result<> read_log(const fs::path& path, QemuLogReader& reader) {
  const Fd log(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!log) return fail_errno("cannot open {}", path.string());
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const auto got = ::read(log.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read {}", path.string());
    if (got == 0) break;
    reader.feed({buffer.data(), static_cast<std::size_t>(got)});
  }
  reader.finish();
  return {};
}

class QemuSource : public TraceSource {
 public:
  explicit QemuSource(const TraceSetting& setting)
      : setting_(setting), kvm_(setting.machine.decision().accel == Accel::kvm) {}

  Result<> start() override {
    auto events = setting_.options.events.qemu;
    events.insert("memory_region_ops_*");
    if (kvm_) events.insert("kvm_run_exit");
    return setting_.qemu.start(setting_.machine.machine(), setting_.symbols, events);
  }
  Result<> stop() override { return setting_.qemu.stop(setting_.machine.machine()); }

  Result<> read(const TraceSink& sink, TraceFacts& facts) override {
    facts.source = kvm_ ? "QEMU's event kvm_run_exit" : "QEMU's translator";
    facts.not_recorded = setting_.options.events.kvm;
    return read_qemu_log(setting_, sink, facts);
  }

 private:
  TraceSetting setting_;
  bool kvm_;
};

}  // namespace

Result<> read_qemu_log(const TraceSetting& setting, const TraceSink& sink, TraceFacts& facts) {
  auto& events = facts.events;
  for (const auto& name : setting.options.events.qemu) events[name] = 0;
  QemuLogReader reader(sink, [&](std::string_view line) {
    const auto event = events.find(std::string(line.substr(0, line.find(' '))));
    if (event != events.end()) ++event->second;
  });
  KOBOX_CHECK(read_log(setting.qemu.tracing().log, reader));
  facts.malformed += reader.malformed();
  return {};
}

std::unique_ptr<TraceSource> qemu_source(const TraceSetting& setting) {
  return std::make_unique<QemuSource>(setting);
}

}  // namespace kobox
