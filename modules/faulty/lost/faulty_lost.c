// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Powers the machine off.
 *
 * EXPECT-KIND: lost
 * QEMU ends with the reason guest-shutdown. "reboot: Power down" is all that the kernel prints:
 * there is neither function nor line.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>

static noinline void faulty_lost_power_off(void)
{
	kernel_power_off();
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_lost_power_off();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_lost",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Powers the machine off");
