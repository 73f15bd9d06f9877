// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults in a work queue, 100 ms after the test has ended with success.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_late_work
 * EXPECT-FILE: faulty_late.c
 * The line is the one marked below.
 * Its exit waits for the work, so that it faults in any case: an unload that comes sooner runs
 * into the fault, and never returns.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static int *nowhere;

static noinline void faulty_late_work(struct work_struct *work)
{
	WRITE_ONCE(*nowhere, 1); /* EXPECT: oops */
}
static DECLARE_DELAYED_WORK(late_work, faulty_late_work);

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	schedule_delayed_work(&late_work, HZ / 10);
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_late",
	.fops = &operations,
};

static int __init faulty_late_init(void)
{
	return misc_register(&device);
}

static void __exit faulty_late_exit(void)
{
	misc_deregister(&device);
	flush_delayed_work(&late_work);
}

module_init(faulty_late_init);
module_exit(faulty_late_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Faults late");
