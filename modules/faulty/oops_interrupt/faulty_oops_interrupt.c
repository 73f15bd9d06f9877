// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults in a timer, in interrupt context: the kernel oopses and then panics.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_oops_interrupt_tick
 * EXPECT-FILE: faulty_oops_interrupt.c
 * The line is the one marked below.
 * The oops tells more than the "Kernel panic - not syncing: Fatal exception in interrupt" after it.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/timer.h>

static int *nowhere;

static noinline void faulty_oops_interrupt_tick(struct timer_list *timer)
{
	WRITE_ONCE(*nowhere, 1); /* EXPECT: oops */
}
static DEFINE_TIMER(timer, faulty_oops_interrupt_tick);

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	mod_timer(&timer, jiffies + HZ / 10);
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_oops_interrupt",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Faults in a timer");
