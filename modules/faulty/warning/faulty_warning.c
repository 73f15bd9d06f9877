// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs into a WARN_ON.
 *
 * EXPECT-KIND: warning
 * EXPECT-FUNCTION: faulty_warning_check
 * EXPECT-FILE: faulty_warning.c
 * The line is the one marked below.
 */
#include <linux/bug.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>

static noinline void faulty_warning_check(void)
{
	WARN_ON(in_task()); /* EXPECT: warning */
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_warning_check();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_warning",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Runs into a WARN_ON");
