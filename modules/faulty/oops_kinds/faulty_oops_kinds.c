// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other ways to oops, one for each test; the mark is named as the test.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_oops_kinds_fault
 * EXPECT-FILE: faulty_oops_kinds.c
 * The line is the one marked with the test's name. In "call of NULL" RIP is 0x0 and names no
 * function; the module's innermost frame is the first one of the call trace.
 */
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

static void (*volatile no_function)(void);
static bool survived;
static int zero;
static int quotient;

static noinline void faulty_oops_kinds_fault(char kind)
{
	switch (kind) {
	case 'g': { /* not canonical, so a general protection fault and no page fault */
		int *wild = (int *)0xdead000000000100;

		WRITE_ONCE(*wild, 1); /* EXPECT: general protection */
		break;
	}
	case 'b':
		BUG(); /* EXPECT: BUG */
		break;
	case 'd':
		WRITE_ONCE(quotient, 42 / READ_ONCE(zero)); /* EXPECT: divide */
		break;
	case 'n':
		no_function(); /* EXPECT: call of NULL */
		break;
	}
	/* Something is left to do, or the compiler would make jumps of the calls. */
	WRITE_ONCE(survived, true);
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	char kind;

	if (get_user(kind, buffer))
		return -EFAULT;
	faulty_oops_kinds_fault(kind);
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_oops_kinds",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Oopses in many ways");
