// SPDX-License-Identifier: GPL-2.0-or-later
// Why a guest was left, by name. Numbers that have none here are given as such: "reason 0x99".
#pragma once

#include <cstdint>
#include <string>

namespace kobox {

// Of the tracepoint kvm_exit. `isa` is its field: 1 for VMX, 2 for SVM (KVM_ISA_* in
// arch/x86/kvm/trace.h). Names are the kernel's own (arch/x86/include/uapi/asm/vmx.h and svm.h), as
// its trace shows them: "io" and "npf" of SVM, "IO_INSTRUCTION" and "EPT_VIOLATION" of VMX.
std::string exit_reason_name(std::uint32_t isa, std::uint32_t reason);

// Of QEMU's trace event kvm_run_exit: KVM_EXIT_* in include/uapi/linux/kvm.h, without that prefix:
// "IO", "MMIO".
std::string kvm_run_exit_name(std::uint32_t reason);

}  // namespace kobox
