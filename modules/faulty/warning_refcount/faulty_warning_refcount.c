// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drops a reference that it no longer holds: RIP is in the kernel, the module is its caller.
 *
 * EXPECT-KIND: warning
 * EXPECT-FUNCTION: faulty_warning_refcount_put
 * EXPECT-FILE: faulty_warning_refcount.c
 * The line is the one marked below.
 * RIP is in refcount_warn_saturate(). By DWARF the address in the call trace lies in functions
 * inlined from linux/refcount.h; the module's own line is the marked one.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/refcount.h>

static refcount_t references = REFCOUNT_INIT(1);
static bool last;

static noinline void faulty_warning_refcount_put(void)
{
	WRITE_ONCE(last, refcount_dec_and_test(&references));
	WRITE_ONCE(last, refcount_dec_and_test(&references)); /* EXPECT: warning */
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_warning_refcount_put();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_warning_refcount",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Underflows a reference count");
