// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resets the machine, without a word.
 *
 * EXPECT-KIND: panic
 * QEMU ends with the reason guest-reset. The kernel prints nothing: there is neither function
 * nor line.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>

static noinline void faulty_panic_reset_now(void)
{
	emergency_restart();
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_panic_reset_now();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_panic_reset",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Resets the machine");
