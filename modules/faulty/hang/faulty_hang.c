// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Its read waits for ever, but can be killed.
 *
 * EXPECT-KIND: hang
 * The kernel says nothing: there is neither function nor line.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static bool never;

static noinline int faulty_hang_wait(void)
{
	return wait_event_interruptible(queue, READ_ONCE(never));
}

static ssize_t device_read(struct file *file, char __user *buffer, size_t len, loff_t *offset)
{
	return faulty_hang_wait();
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.read = device_read,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_hang",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Never returns from a read");
