// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adds an entry to a list twice: the fault is in the kernel, the module is its caller.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_oops_list_add
 * EXPECT-FILE: faulty_oops_list.c
 * The line is the one marked below.
 * Debian's kernels have CONFIG_BUG_ON_DATA_CORRUPTION, so this is "kernel BUG at
 * lib/list_debug.c" and no warning. RIP is in __list_add_valid*; the module's innermost frame is
 * the first one of its own in the call trace. By DWARF that address lies in functions inlined
 * from linux/list.h; the module's own line is the marked one.
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static LIST_HEAD(list);
static LIST_HEAD(entry);

static noinline void faulty_oops_list_add(void)
{
	list_add(&entry, &list);
	list_add(&entry, &list); /* EXPECT: oops */
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_oops_list_add();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_oops_list",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Corrupts a list");
