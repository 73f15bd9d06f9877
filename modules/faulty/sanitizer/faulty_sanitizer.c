// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sleeps while it holds a spinlock.
 *
 * EXPECT-KIND: sanitizer
 * EXPECT-FUNCTION: faulty_sanitizer_sleep
 * EXPECT-FILE: faulty_sanitizer.c
 * The line is the one marked below.
 * "BUG: scheduling while atomic". The lock keeps softirqs off as well, which every kernel counts;
 * one without CONFIG_PREEMPT_COUNT (5.10) does not count a plain spinlock.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);

static noinline void faulty_sanitizer_sleep(void)
{
	spin_lock_bh(&lock);
	msleep(20); /* EXPECT: sanitizer */
	spin_unlock_bh(&lock);
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_sanitizer_sleep();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_sanitizer",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Sleeps in atomic context");
