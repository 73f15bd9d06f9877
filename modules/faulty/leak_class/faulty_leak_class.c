// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps its class.
 *
 * EXPECT-KIND: leak
 * What is left: /sys/class/faulty_leak_class.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0) /* class_create() lost an argument */
#define make_class(name) class_create(name)
#else
#define make_class(name) class_create(THIS_MODULE, name)
#endif

static int __init faulty_leak_class_init(void)
{
	return PTR_ERR_OR_ZERO(make_class("faulty_leak_class"));
}

static void __exit faulty_leak_class_exit(void)
{
	/* class_destroy() is missing */
}

module_init(faulty_leak_class_init);
module_exit(faulty_leak_class_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Leaks a class");
