// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives its number back but keeps its device.
 *
 * EXPECT-KIND: leak
 * What is left: /dev/faulty_leak_dev, and /sys/class/faulty_leak_dev.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0) /* class_create() lost an argument */
#define make_class(name) class_create(name)
#else
#define make_class(name) class_create(THIS_MODULE, name)
#endif

static dev_t number;

static int __init faulty_leak_dev_init(void)
{
	struct class *class;
	struct device *device;
	int error = alloc_chrdev_region(&number, 0, 1, "faulty_leak_dev");

	if (error)
		return error;
	class = make_class("faulty_leak_dev");
	if (IS_ERR(class)) {
		unregister_chrdev_region(number, 1);
		return PTR_ERR(class);
	}
	device = device_create(class, NULL, number, NULL, "faulty_leak_dev");
	if (IS_ERR(device)) {
		class_destroy(class);
		unregister_chrdev_region(number, 1);
	}
	return PTR_ERR_OR_ZERO(device);
}

static void __exit faulty_leak_dev_exit(void)
{
	/* device_destroy() and class_destroy() are missing */
	unregister_chrdev_region(number, 1);
}

module_init(faulty_leak_dev_init);
module_exit(faulty_leak_dev_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Leaks a device");
