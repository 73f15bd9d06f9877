// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps its character-device region.
 *
 * EXPECT-KIND: leak
 * What is left: faulty_leak in /proc/devices.
 */
#include <linux/fs.h>
#include <linux/module.h>

static dev_t number;

static int __init faulty_leak_init(void)
{
	return alloc_chrdev_region(&number, 0, 1, "faulty_leak");
}

static void __exit faulty_leak_exit(void)
{
	/* unregister_chrdev_region(number, 1) is missing */
}

module_init(faulty_leak_init);
module_exit(faulty_leak_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Leaks a character-device region");
