// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Spins for ever in the kernel.
 *
 * EXPECT-KIND: lockup
 * EXPECT-FUNCTION: faulty_lockup_spin
 * EXPECT-FILE: faulty_lockup.c
 * The line is the one marked below.
 * "watchdog: BUG: soft lockup - CPU#0 stuck for ..s!" after twice kernel.watchdog_thresh. With
 * one CPU nothing else runs any more, the agent included: only the console tells. From 6.16 on a
 * kernel with lazy preemption takes the CPU from a loop, unless that is forbidden.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>

static bool stop;

static noinline void faulty_lockup_spin(void)
{
	preempt_disable();
	while (!READ_ONCE(stop)) /* EXPECT: lockup */
		;
	preempt_enable();
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_lockup_spin();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_lockup",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Spins for ever");
