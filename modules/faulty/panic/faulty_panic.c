// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Panics.
 *
 * EXPECT-KIND: panic
 * EXPECT-FUNCTION: faulty_panic_now
 * EXPECT-FILE: faulty_panic.c
 * The line is the one marked below.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static noinline void faulty_panic_now(void)
{
	panic("faulty_panic: on purpose"); /* EXPECT: panic */
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_panic_now();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_panic",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Panics");
