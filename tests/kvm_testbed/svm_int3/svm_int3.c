// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives KVM the breakpoints of its guests where QEMU's TCG is the processor.
 *
 * An INT3 is to leave the guest as the exception #BP when the hypervisor intercepts that one (AMD64
 * Architecture Programmer's Manual, volume 2, 15.12.3). QEMU's TCG, 7.2 at least, asks for the
 * intercept of INTn instead (raise_interrupt2() in target/i386/tcg/excp_helper.c), so the guest gets
 * the INT3 itself. This module, loaded after kvm-amd, asks KVM's control block for that intercept
 * too while a debugger has breakpoints in the guest, and calls what comes of it #BP.
 */
#include <asm/svm.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

/* As it begins in arch/x86/kvm/svm/svm.h, since 5.13. */
struct vcpu_svm_head {
	struct kvm_vcpu vcpu;
	struct vmcb *vmcb;
};

static struct vmcb_control_area *control_of(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)regs_get_kernel_argument(regs, 0);

	return &container_of(vcpu, struct vcpu_svm_head, vcpu)->vmcb->control;
}

static int before_entry(struct kprobe *probe, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)regs_get_kernel_argument(regs, 0);
	struct vmcb_control_area *control = control_of(regs);

	if (vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP)
		__set_bit(INTERCEPT_INTn, (unsigned long *)control->intercepts);
	else
		__clear_bit(INTERCEPT_INTn, (unsigned long *)control->intercepts);
	return 0;
}

static int after_exit(struct kprobe *probe, struct pt_regs *regs)
{
	struct vmcb_control_area *control = control_of(regs);

	if (control->exit_code == SVM_EXIT_SWINT)
		control->exit_code = SVM_EXIT_EXCP_BASE + BP_VECTOR;
	return 0;
}

static struct kprobe probes[] = {
	{.symbol_name = "svm_vcpu_run", .pre_handler = before_entry},
	{.symbol_name = "svm_handle_exit", .pre_handler = after_exit},
};

static struct kprobe *each[] = {&probes[0], &probes[1]};

static int __init svm_int3_init(void)
{
	return register_kprobes(each, ARRAY_SIZE(each));
}

static void __exit svm_int3_exit(void)
{
	unregister_kprobes(each, ARRAY_SIZE(each));
}

module_init(svm_int3_init);
module_exit(svm_int3_exit);

MODULE_DESCRIPTION("Breakpoints of KVM's guests under QEMU's TCG");
MODULE_LICENSE("GPL");
