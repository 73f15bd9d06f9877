// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *device;

static int load(const char *name)
{
	const struct firmware *firmware;
	int error = request_firmware(&firmware, name, &device->dev);

	if (error)
		return error;
	pr_info("loader: %s has %zu bytes\n", name, firmware->size);
	release_firmware(firmware);
	return 0;
}

static int __init start(void)
{
	int error;

	device = platform_device_register_simple("loader", -1, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	error = load("boot.bin");
	if (!error)
		error = load("acme/radio.bin");
	if (error)
		platform_device_unregister(device);
	return error;
}

static void __exit stop(void)
{
	platform_device_unregister(device);
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
