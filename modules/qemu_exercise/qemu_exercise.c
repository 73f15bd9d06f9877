// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/qemu_exercise: a character device that holds one message of up to 255 bytes.
 *
 * A write replaces the message as a whole, a read returns it. README.md tells what a user can
 * rely on.
 */
#define pr_fmt(fmt) "QEMU Exercise: " fmt

#include <linux/cdev.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>

#include "compat.h"

#define DEVICE_NAME "qemu_exercise"
#define CLASS_NAME "qemu"
#define GREETING "Hello from QEMU!"

#define MESSAGE_MAX 255

/*
 * How much of a message, once escaped, fits into one line of the log beside our own words: a
 * record of the kernel's log holds less than 1024 bytes. An escaped byte takes at most 4.
 */
#define ESCAPED_MAX 896

/*
 * The device is open to every user, so none of the lines that a user causes may come without
 * limit. Each kind of line has a budget of its own (a flood of writes does not hide a reader),
 * large enough for `dd bs=1` of the greeting.
 */
#define LOG_INTERVAL (5 * HZ)
#define LOG_BURST 50

static DEFINE_RATELIMIT_STATE(opened_limit, LOG_INTERVAL, LOG_BURST);
static DEFINE_RATELIMIT_STATE(sent_limit, LOG_INTERVAL, LOG_BURST);
static DEFINE_RATELIMIT_STATE(received_limit, LOG_INTERVAL, LOG_BURST);
static DEFINE_RATELIMIT_STATE(closed_limit, LOG_INTERVAL, LOG_BURST);

struct message {
	size_t size;
	char text[MESSAGE_MAX]; /* any bytes, not terminated */
};

/* The lock is held only to copy the message as a whole, never while user memory is touched. */
static DEFINE_MUTEX(message_lock);
static struct message message = {
	.size = sizeof(GREETING) - 1,
	.text = GREETING,
};

/*
 * An open file's own copy of the message, taken when it is read from the start, so that a reader
 * that takes it in pieces gets all pieces of the same message, whatever is written meanwhile.
 */
struct reader {
	struct mutex lock; /* threads may share the open file */
	bool has_copy;
	struct message copy;
};

static dev_t device_number;
static struct cdev char_device;
static struct class *device_class;

static int dev_open(struct inode *inode, struct file *file)
{
	struct reader *reader = kzalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);

	if (!reader)
		return -ENOMEM;
	mutex_init(&reader->lock);
	file->private_data = reader;

	if (__ratelimit(&opened_limit))
		pr_info("Device has been opened\n");
	return 0;
}

static ssize_t dev_read(struct file *file, char __user *buffer, size_t len, loff_t *offset)
{
	struct reader *reader = file->private_data;
	ssize_t sent;

	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	if (*offset == 0 || !reader->has_copy) {
		mutex_lock(&message_lock);
		reader->copy = message;
		mutex_unlock(&message_lock);
		reader->has_copy = true;
	}
	sent = simple_read_from_buffer(buffer, len, offset, reader->copy.text, reader->copy.size);
	mutex_unlock(&reader->lock);

	if (sent > 0 && __ratelimit(&sent_limit))
		pr_info("Sent %zd characters to the user\n", sent);
	return sent;
}

/*
 * Printable ASCII stays as it is. string_escape_mem() does this by itself with ESCAPE_NAP, but only
 * from 5.13 on. The output has room for 4 bytes for each of the text. Returns how many there are.
 */
static int escape(const char *text, size_t size, char *output)
{
	char *end = output;
	size_t i;

	for (i = 0; i < size; i++) {
		if (isascii(text[i]) && isprint(text[i]))
			*end++ = text[i];
		else
			end += string_escape_mem(text + i, 1, end, 4, ESCAPE_SPACE | ESCAPE_HEX,
						 NULL);
	}
	return end - output;
}

static void log_received(const struct message *received)
{
	size_t shown = received->size;
	char *escaped;
	int length;

	escaped = kmalloc(4 * MESSAGE_MAX, GFP_KERNEL);
	if (!escaped)
		return; /* the message was taken; only its line in the log is lost */
	length = escape(received->text, shown, escaped);
	if (length > ESCAPED_MAX) {
		shown = ESCAPED_MAX / 4;
		length = escape(received->text, shown, escaped);
	}
	pr_info("Received %zu characters from the user: %.*s%s\n", received->size, length, escaped,
		shown < received->size ? "..." : "");
	kfree(escaped);
}

static ssize_t dev_write(struct file *file, const char __user *buffer, size_t len, loff_t *offset)
{
	struct message received = {};

	if (len == 0)
		return 0;
	if (len > MESSAGE_MAX)
		return -EMSGSIZE;
	if (copy_from_user(received.text, buffer, len))
		return -EFAULT;
	received.size = received.text[len - 1] == '\n' ? len - 1 : len;

	mutex_lock(&message_lock);
	message = received;
	mutex_unlock(&message_lock);

	if (__ratelimit(&received_limit))
		log_received(&received);
	return len;
}

static int dev_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);

	if (__ratelimit(&closed_limit))
		pr_info("Device successfully closed\n");
	return 0;
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.read = dev_read,
	.write = dev_write,
	.release = dev_release,
	.llseek = default_llseek,
};

/* Makes the node usable for everybody, with or without udev. */
static char *device_node(compat_devnode_device *device, umode_t *mode)
{
	if (mode)
		*mode = 0666;
	return NULL;
}

static int __init qemu_exercise_init(void)
{
	struct device *device;
	int error;

	pr_info("Initializing the module\n");

	device_class = compat_class_create(CLASS_NAME);
	if (IS_ERR(device_class)) {
		error = PTR_ERR(device_class);
		pr_err("Failed to create the device class: %d\n", error);
		return error;
	}
	device_class->devnode = device_node;
	pr_info("device class created correctly\n");

	error = alloc_chrdev_region(&device_number, 0, 1, DEVICE_NAME);
	if (error) {
		pr_err("Failed to get a device number: %d\n", error);
		goto destroy_class;
	}

	cdev_init(&char_device, &device_operations);
	char_device.owner = THIS_MODULE;
	error = cdev_add(&char_device, device_number, 1);
	if (error) {
		pr_err("Failed to add the character device: %d\n", error);
		goto unregister_region;
	}

	/* Last, because from here on the device can be opened. */
	device = device_create(device_class, NULL, device_number, NULL, DEVICE_NAME);
	if (IS_ERR(device)) {
		error = PTR_ERR(device);
		pr_err("Failed to create the device: %d\n", error);
		goto delete_cdev;
	}
	return 0;

delete_cdev:
	cdev_del(&char_device);
unregister_region:
	unregister_chrdev_region(device_number, 1);
destroy_class:
	class_destroy(device_class);
	return error;
}

static void __exit qemu_exercise_exit(void)
{
	device_destroy(device_class, device_number);
	cdev_del(&char_device);
	unregister_chrdev_region(device_number, 1);
	class_destroy(device_class);
	pr_info("Goodbye from the LKM!\n");
}

module_init(qemu_exercise_init);
module_exit(qemu_exercise_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("A character device that holds one message");
