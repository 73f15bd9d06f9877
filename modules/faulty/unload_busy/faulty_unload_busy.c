// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes a reference to itself and never gives it back.
 *
 * EXPECT-KIND: leak
 * A reference left behind forbids the unload: rmmod says "Resource temporarily unavailable".
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static noinline void faulty_unload_busy_hold(void)
{
	__module_get(THIS_MODULE);
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_unload_busy_hold();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_unload_busy",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Holds a reference to itself");
