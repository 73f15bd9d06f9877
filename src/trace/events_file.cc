// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/events_file.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>

#include "arch/arch.h"
#include "base/child.h"
#include "base/text.h"
#include "vm/machine.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// Twice the longest name; what is longer could keep fnmatch(3) busy.
constexpr std::size_t k_longest_pattern = 128;

// Takes or drops the names that the pattern fits; says whether there are any.
bool choose(const std::string& pattern, const std::vector<std::string>& names, bool take,
            std::set<std::string>& chosen) {
  bool any = false;
  if (pattern.size() > k_longest_pattern) return false;
  for (const auto& name : names) {
    if (::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) != 0) continue;
    any = true;
    if (take)
      chosen.insert(name);
    else
      chosen.erase(name);
  }
  return any;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& qemu) {
  if (word.size() > k_longest_pattern) return "";
  auto all = kvm_tracepoints();
  all.insert(all.end(), qemu.begin(), qemu.end());
  return did_you_mean(word, all);
}

}  // namespace

Result<ChosenEvents> read_events_file(std::string_view text, const std::string& file,
                                      const std::vector<std::string>& qemu) {
  ChosenEvents chosen;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string pattern(trim(lines[i].substr(0, lines[i].find('#'))));
    const bool take = !pattern.starts_with('-');
    if (!take) pattern.erase(0, 1);
    if (pattern.empty()) continue;
    const bool in_qemu = choose(pattern, qemu, take, chosen.qemu);
    const bool in_kvm = choose(pattern, kvm_tracepoints(), take, chosen.kvm);
    if (!in_qemu && !in_kvm)
      return fail(ErrorKind::usage,
                  "{}:{}: neither QEMU nor KVM has an event '{}'{}; {} -trace help lists QEMU's",
                  file, i + 1, printable(pattern), suggestion(pattern, qemu), default_arch().qemu);
  }
  if (chosen.qemu.empty() && chosen.kvm.empty())
    return fail(ErrorKind::usage,
                "{} chooses no event: write a name or a pattern a line, such as "
                "kvm_exit or virtio_*",
                file);
  return chosen;
}

Result<std::vector<std::string>> qemu_events() {
  KOBOX_TRY(const auto qemu, find_qemu(default_arch()));
  KOBOX_TRY(const auto listed, run_command({.argv = {qemu.string(), "-trace", "help"}},
                                           {.deadline = Deadline::after(10s)}));
  std::vector<std::string> names;
  for (const auto& line : lines_of(listed.output)) {
    const auto name = trim(line);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    });
    if (is_name) names.emplace_back(name);
  }
  if (names.empty()) return fail(ErrorKind::tool, "{} -trace help lists no events", qemu.string());
  return names;
}

const std::vector<std::string>& kvm_tracepoints() {
  static const std::vector<std::string> names = {"kvm_ack_irq",
                                                 "kvm_age_hva",
                                                 "kvm_age_page",
                                                 "kvm_apic",
                                                 "kvm_apic_accept_irq",
                                                 "kvm_apic_ipi",
                                                 "kvm_apicv_accept_irq",
                                                 "kvm_apicv_inhibit_changed",
                                                 "kvm_async_pf_completed",
                                                 "kvm_async_pf_not_present",
                                                 "kvm_async_pf_ready",
                                                 "kvm_avic_doorbell",
                                                 "kvm_avic_ga_log",
                                                 "kvm_avic_incomplete_ipi",
                                                 "kvm_avic_kick_vcpu_slowpath",
                                                 "kvm_avic_unaccelerated_access",
                                                 "kvm_cpuid",
                                                 "kvm_cr",
                                                 "kvm_dirty_ring_exit",
                                                 "kvm_dirty_ring_push",
                                                 "kvm_dirty_ring_reset",
                                                 "kvm_emulate_insn",
                                                 "kvm_enter_smm",
                                                 "kvm_entry",
                                                 "kvm_eoi",
                                                 "kvm_exit",
                                                 "kvm_fast_mmio",
                                                 "kvm_fpu",
                                                 "kvm_halt_poll_ns",
                                                 "kvm_hv_hypercall",
                                                 "kvm_hypercall",
                                                 "kvm_inj_exception",
                                                 "kvm_inj_virq",
                                                 "kvm_invlpga",
                                                 "kvm_ioapic_delayed_eoi_inj",
                                                 "kvm_ioapic_set_irq",
                                                 "kvm_mmio",
                                                 "kvm_msi_set_irq",
                                                 "kvm_msr",
                                                 "kvm_nested_intercepts",
                                                 "kvm_nested_intr_vmexit",
                                                 "kvm_nested_vmenter",
                                                 "kvm_nested_vmexit",
                                                 "kvm_nested_vmexit_inject",
                                                 "kvm_page_fault",
                                                 "kvm_pi_irte_update",
                                                 "kvm_pic_set_irq",
                                                 "kvm_pio",
                                                 "kvm_ple_window_update",
                                                 "kvm_pml_full",
                                                 "kvm_pv_eoi",
                                                 "kvm_pv_tlb_flush",
                                                 "kvm_pvclock_update",
                                                 "kvm_set_irq",
                                                 "kvm_skinit",
                                                 "kvm_smm_transition",
                                                 "kvm_track_tsc",
                                                 "kvm_try_async_get_page",
                                                 "kvm_unmap_hva_range",
                                                 "kvm_update_master_clock",
                                                 "kvm_userspace_exit",
                                                 "kvm_vcpu_wakeup",
                                                 "kvm_vmgexit_enter",
                                                 "kvm_vmgexit_exit",
                                                 "kvm_wait_lapic_expire",
                                                 "kvm_write_tsc_offset",
                                                 "kvm_xen_hypercall",
                                                 "vcpu_match_mmio"};
  return names;
}

}  // namespace kobox
