// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads memory that it has freed, until KFENCE notices.
 *
 * EXPECT-KIND: sanitizer
 * EXPECT-FUNCTION: faulty_kfence_read
 * EXPECT-FILE: faulty_kfence.c
 * The line is the one marked below.
 * "BUG: KFENCE: use-after-free read in faulty_kfence_read+...". Debian has KFENCE from 6.12 on.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kfence.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

/*
 * KFENCE watches one allocation per sample interval (100 ms as kobox boots), so it takes a while
 * to be caught; then once is enough.
 */
static noinline void faulty_kfence_read(void)
{
	unsigned long end = jiffies + 5 * HZ;
	bool watched = false;

	while (!watched && time_before(jiffies, end)) {
		int *freed = kmalloc(64, GFP_KERNEL);

		if (!freed)
			return;
		watched = is_kfence_address(freed);
		kfree(freed);
		READ_ONCE(*freed); /* EXPECT: sanitizer */
		cond_resched();
	}
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_kfence_read();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_kfence",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Reads freed memory");
