// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/kvm_reader.h"

#include <utility>

#include "trace/exit_reasons.h"

namespace kobox {
namespace {

// A register of the local APIC, by its place in the APIC's page: from an access to the page or to
// the MSR that stands for it (Intel SDM volume 3, "Local APIC" and "x2APIC").
std::optional<std::uint64_t> apic_register(const Exit& exit) {
  constexpr std::uint64_t k_page = 0xfee00000, k_first_msr = 0x800, k_last_msr = 0x8ff;
  if (exit.space == Exit::Space::memory && exit.address >> 12 == k_page >> 12)
    return exit.address & 0xfff;
  if (exit.space == Exit::Space::msr && exit.address >= k_first_msr && exit.address <= k_last_msr)
    return (exit.address - k_first_msr) << 4;
  return std::nullopt;
}

// The kernel acknowledges an interrupt before its tracepoint says that one has come
// (DEFINE_IDTENTRY_SYSVEC functions in arch/x86/kernel/apic): is this such an exit, and not what
// the interrupted function does?
bool is_acknowledgement(const Exit& exit) {
  constexpr std::uint64_t k_eoi = 0xb0;
  const auto place = apic_register(exit);
  return place && (*place == k_eoi || exit.via == 0);
}

}  // namespace

KvmReader::KvmReader(const Setup& setup, TraceSink sink)
    : vcpus_(setup.vcpus),
      in_module_(setup.in_module),
      nanoseconds_(setup.nanoseconds),
      region_(setup.region),
      sink_(sink),
      guest_(setup.guest, setup.in_module, std::move(sink)) {
  for (const auto& format : setup.host) add_format(format);
}

// arch/x86/kvm/trace.h; kvm_mmio is in include/trace/events/kvm.h.
void KvmReader::add_format(const EventFormat& format) {
  Event event;
  event.count = &counts_[format.name];
  if (format.name == "kvm_exit") {
    event.kind = Kind::exit;
    event.reason = format.field("exit_reason");
    event.isa = format.field("isa");
    event.rip = format.field("guest_rip");
  } else if (format.name == "kvm_entry") {
    event.kind = Kind::entry;
  } else if (format.name == "kvm_pio") {
    event.kind = Kind::port;
    event.write = format.field("rw");
    event.address = format.field("port");
    event.size = format.field("size");
    event.value = format.field("val");
  } else if (format.name == "kvm_mmio") {
    event.kind = Kind::memory;
    event.write = format.field("type");
    event.address = format.field("gpa");
    event.size = format.field("len");
    event.value = format.field("val");
  } else if (format.name == "kvm_msr") {
    event.kind = Kind::msr;
    event.write = format.field("write");
    event.address = format.field("ecx");
    event.value = format.field("data");
  }
  events_[format.id] = event;
}

void KvmReader::take(const MergedRecord& record) {
  const auto ns = nanoseconds_(record.time);
  if (record.of == RecordFile::Of::guest)
    guest_.take(record.cpu, ns, record.data);
  else
    take_host(ns, record.data);
}

void KvmReader::take_host(std::uint64_t ns, std::string_view data) {
  const auto found = events_.find(event_id(data));
  if (found == events_.end()) return;
  const auto& event = found->second;
  const auto vcpu = vcpus_.find(event_pid(data));
  if (vcpu == vcpus_.end()) return;
  ++*event.count;
  auto& exit = open_[vcpu->second];
  switch (event.kind) {
    case Kind::exit:
      hand_on(exit, 0);
      begin_exit(vcpu->second, ns, event, data);
      break;
    case Kind::entry:
      hand_on(exit, ns);
      break;
    case Kind::port:
    case Kind::memory:
    case Kind::msr:
      if (exit) describe(*exit, event, data);
      break;
    case Kind::other:
      break;
  }
}

void KvmReader::begin_exit(unsigned vcpu, std::uint64_t ns, const Event& event,
                           std::string_view data) {
  const auto active = guest_.active(vcpu);
  open_[vcpu] = Exit{.cpu = vcpu,
                     .ns = ns,
                     .reason = exit_reason_name(static_cast<std::uint32_t>(event.isa.of(data)),
                                                static_cast<std::uint32_t>(event.reason.of(data))),
                     .rip = event.rip.of(data),
                     .call = active.call,
                     .via = active.via};
}

void KvmReader::describe(Exit& exit, const Event& event, std::string_view data) const {
  // KVM_TRACE_MMIO_READ_UNSATISFIED, _READ and _WRITE: what QEMU answers is traced a second time.
  constexpr std::uint64_t k_mmio_write = 2;
  const auto address = event.address.of(data);
  if (exit.space != Exit::Space::none && exit.address != address) return;  // of several, the first
  exit.space = event.kind == Kind::port     ? Exit::Space::port
               : event.kind == Kind::memory ? Exit::Space::memory
                                            : Exit::Space::msr;
  const auto write = event.write.of(data);
  exit.is_write = event.kind == Kind::memory ? write == k_mmio_write : write != 0;
  exit.address = address;
  exit.size = event.kind == Kind::msr ? 8 : static_cast<unsigned>(event.size.of(data));
  exit.value = event.value.of(data);
  if (exit.space != Exit::Space::msr) exit.region = region_(exit.space, address);
}

// `ns`: of the entry; 0: there was none.
void KvmReader::hand_on(std::optional<Exit>& exit, std::uint64_t ns) {
  if (!exit) return;
  if (is_acknowledgement(*exit) && !in_module_(exit->rip)) exit->call = exit->via = 0;
  if (ns > exit->ns) exit->duration_ns = ns - exit->ns;
  sink_.exit(*exit);
  exit.reset();
}

void KvmReader::finish() {
  for (auto& [vcpu, exit] : open_) hand_on(exit, 0);
}

}  // namespace kobox
