// SPDX-License-Identifier: GPL-2.0-or-later
#include <optional>

#include "base/text.h"
#include "guest/function_tracing.h"
#include "trace/kvm_reader.h"
#include "trace/kvm_recorder.h"
#include "workbench/trace_source.h"

namespace kobox {
namespace {

class KvmSource : public TraceSource {
 public:
  KvmSource(const TraceSetting& setting, KvmRecorder recorder)
      : setting_(setting), recorder_(std::move(recorder)) {}

  // The guest's part; without it the exits alone are recorded.
  Result<> prepare_guest(TraceFacts& facts) {
    const auto functions = setting_.symbols.module_functions();
    if (functions.empty()) return {};
    FunctionTracing::Spec spec{.module = facts.module,
                               .functions = {},
                               .called = setting_.symbols.called(),
                               .buffer = setting_.options.buffer,
                               .cpus = setting_.machine.guest().spec().cpus};
    for (const auto address : functions) spec.functions.push_back(setting_.symbols.name(address));
    auto prepared = FunctionTracing::prepare(setting_.machine.agent(), spec);
    if (!prepared && prepared.error().kind() != ErrorKind::tool)
      return std::unexpected(prepared.error());
    if (prepared)
      functions_ = std::move(*prepared);
    else
      facts.notes.push_back("no functions of the module: " + prepared.error().message());
    return {};
  }

  Result<> start() override {
    if (!setting_.options.events.qemu.empty())
      KOBOX_CHECK(setting_.qemu.start(setting_.machine.machine(), setting_.symbols,
                                      setting_.options.events.qemu));
    if (functions_) KOBOX_CHECK(functions_->start());
    return recorder_.start(setting_.machine.machine());
  }

  Result<> stop() override {
    KOBOX_CHECK(recorder_.stop());
    KOBOX_CHECK(setting_.qemu.stop(setting_.machine.machine()));
    if (!functions_) return {};
    auto stopped = functions_->stop();
    auto collected =
        stopped ? functions_->collect(setting_.qemu.directory()) : std::unexpected(stopped.error());
    if (collected)
      guest_ = std::move(*collected);
    else if (collected.error().kind() == ErrorKind::interrupted)
      return std::unexpected(collected.error());
    else
      guest_error_ = collected.error().message();
    return {};
  }

  Result<> read(const TraceSink& sink, TraceFacts& facts) override {
    facts.source = "the host's KVM tracepoints";
    if (guest_) facts.source += " and the guest's function tracing";
    if (!guest_error_.empty())
      facts.notes.push_back("the functions of the module are lost with the guest: " + guest_error_);
    auto files = recorder_.files();
    KOBOX_TRY(const auto formats, add_guest(files, facts));
    KOBOX_TRY(auto merge, RecordMerge::open(files));
    KvmReader reader(
        {.host = recorder_.formats(),
         .guest = formats,
         .vcpus = recorder_.vcpus(),
         .in_module = [&](auto address) { return setting_.symbols.in_module(address); },
         .nanoseconds = [&](auto tsc) { return recorder_.nanoseconds(tsc); },
         .region = [&](auto space,
                       auto address) { return recorder_.regions().name(space, address); }},
        sink);
    while (const auto record = merge.next()) reader.take(*record);
    reader.finish();
    if (merge.error()) return std::unexpected(*merge.error());
    for (const auto& name : setting_.options.events.kvm) {
      const auto count = reader.counts().find(name);
      if (count == reader.counts().end())
        facts.not_recorded.insert(name);
      else
        facts.events[name] = count->second;
    }
    facts.lost = recorder_.lost() + (guest_ ? guest_->lost : 0);
    facts.malformed = merge.malformed();
    // The exits are known from the kernel; of QEMU's log only what was asked for counts.
    const TraceSink nobody = {
        .call = [](const CallBegin&) {}, .end = [](const CallEnd&) {}, .exit = [](const Exit&) {}};
    return setting_.options.events.qemu.empty() ? Result<>()
                                                : read_qemu_log(setting_, nobody, facts);
  }

 private:
  // The guest's files, if their clock is known; gives the formats of their events.
  Result<std::vector<EventFormat>> add_guest(std::vector<RecordFile>& files, TraceFacts& facts) {
    std::vector<EventFormat> formats;
    if (!guest_) return formats;
    for (unsigned cpu = 0; cpu < guest_->files.size(); ++cpu) {
      const auto clock = recorder_.guest_clock(cpu);
      if (!clock) {
        facts.notes.emplace_back(
            "no functions of the module: the offset of the guest's clock is in "
            "/sys/kernel/debug/kvm, which cannot be read");
        return formats;
      }
      files.push_back(
          {.path = guest_->files[cpu], .of = RecordFile::Of::guest, .cpu = cpu, .clock = *clock});
    }
    for (const auto& text : guest_->formats) {
      KOBOX_TRY(auto format, parse_event_format(text));
      formats.push_back(std::move(format));
    }
    return formats;
  }

  TraceSetting setting_;
  KvmRecorder recorder_;
  std::optional<FunctionTracing> functions_;
  std::optional<FunctionTracing::Recording> guest_;
  std::string guest_error_;
};

}  // namespace

Result<std::unique_ptr<TraceSource>> kvm_source(const TraceSetting& setting, TraceFacts& facts) {
  auto tracepoints = kvm_base_tracepoints();
  tracepoints.insert(setting.options.events.kvm.begin(), setting.options.events.kvm.end());
  KOBOX_TRY(auto recorder,
            KvmRecorder::make(tracepoints, setting.options.buffer, setting.qemu.directory()));
  auto source = std::make_unique<KvmSource>(setting, std::move(recorder));
  KOBOX_CHECK(source->prepare_guest(facts));
  return source;
}

}  // namespace kobox
