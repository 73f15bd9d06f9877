// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults in a function that the compiler inlines: the kernel names the caller.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: set_answer
 * EXPECT-FILE: faulty_oops_inline.c
 * The line is the one marked below.
 * The function is the inlined one, which only DWARF knows; the kernel's RIP says
 * faulty_oops_inline_store.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static int *nowhere;

static __always_inline void set_answer(int *answer)
{
	WRITE_ONCE(*answer, 42); /* EXPECT: oops */
}

static noinline void faulty_oops_inline_store(void)
{
	set_answer(nowhere);
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_oops_inline_store();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_oops_inline",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Faults in an inlined function");
