// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Healthy. What it logs only looks like a report of the kernel.
 *
 * EXPECT-KIND: none
 * Its test must pass.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/printk.h>

static noinline void faulty_debug_word_talk(void)
{
	pr_info("DEBUG: all is well\n");
	pr_info("ODEBUG: all is well here too\n");
	pr_info("faulty_debug_word: this is no BUG: really\n");
	pr_info("faulty_debug_word: a user wrote: Oops: 0000 [#1] PREEMPT SMP\n");
	pr_info("faulty_debug_word: a user wrote: Kernel panic - not syncing: not at all\n");
	pr_info("faulty_debug_word: a user wrote: WARNING: CPU: 0 PID: 1 at nowhere.c:1\n");
	pr_info("INFO: nothing to see\n");
	pr_info("WARNING: the weather will change\n");
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_debug_word_talk();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_debug_word",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Healthy, with alarming words");
