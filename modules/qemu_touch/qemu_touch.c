// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Touches a device as often as it is told, for those who count: QEMU's pci-testdev, which has a
 * window of memory (BAR 0) and one of ports (BAR 1). With no test selected, what is written to its
 * other registers is ignored (QEMU's docs/specs/pci-testdev.rst).
 *
 *   echo "port 5" > /dev/qemu_touch      five writes to a port
 *   echo "memory 5" > /dev/qemu_touch    five reads of device memory
 */
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>

#define TESTDEV_DATA 8 /* a register that does nothing before a test is selected */

static void __iomem *memory;
static unsigned long ports;

static noinline void touch_port(unsigned int times)
{
	while (times--)
		outb(0, ports + TESTDEV_DATA);
}

static noinline void touch_memory(unsigned int times)
{
	while (times--)
		readl(memory + TESTDEV_DATA);
}

static ssize_t touch_write(struct file *file, const char __user *buffer, size_t len,
			   loff_t *offset)
{
	char text[32] = "";
	unsigned int times;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buffer, len))
		return -EFAULT;
	if (sscanf(text, "port %u", &times) == 1 && times <= 1000000)
		touch_port(times);
	else if (sscanf(text, "memory %u", &times) == 1 && times <= 1000000)
		touch_memory(times);
	else
		return -EINVAL;
	return len;
}

static const struct file_operations touch_fops = {
	.owner = THIS_MODULE,
	.write = touch_write,
};

static struct miscdevice touch_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qemu_touch",
	.fops = &touch_fops,
};

static int touch_probe(struct pci_dev *dev, const struct pci_device_id *id)
{
	int error = pcim_enable_device(dev);

	if (!error)
		error = pcim_iomap_regions(dev, BIT(0), "qemu_touch");
	if (error)
		return error;
	memory = pcim_iomap_table(dev)[0];
	ports = pci_resource_start(dev, 1);
	return misc_register(&touch_device);
}

static void touch_remove(struct pci_dev *dev)
{
	misc_deregister(&touch_device);
}

static const struct pci_device_id touch_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT, 0x0005) },
	{},
};
MODULE_DEVICE_TABLE(pci, touch_ids);

static struct pci_driver touch_driver = {
	.name = "qemu_touch",
	.id_table = touch_ids,
	.probe = touch_probe,
	.remove = touch_remove,
};
module_pci_driver(touch_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Touches QEMU's pci-testdev as often as it is told");
