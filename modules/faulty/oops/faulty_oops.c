// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes through a NULL pointer.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_oops_store
 * EXPECT-FILE: faulty_oops.c
 * The line is the one marked below.
 * The kernel kills the shell that wrote: the test ends with status 137 as well.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static int *nowhere;

static noinline void faulty_oops_store(void)
{
	WRITE_ONCE(*nowhere, 1); /* EXPECT: oops */
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_oops_store();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_oops",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Writes through a NULL pointer");
