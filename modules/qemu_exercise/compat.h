/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between the kernels this module builds for stands here and nowhere else. */
#ifndef QEMU_EXERCISE_COMPAT_H
#define QEMU_EXERCISE_COMPAT_H

#include <linux/device.h>
#include <linux/module.h>
#include <linux/version.h>

/* class_create() lost its owner argument in 6.4. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define compat_class_create(name) class_create(name)
#else
#define compat_class_create(name) class_create(THIS_MODULE, name)
#endif

/* The device that a class's devnode callback is given became const in 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
typedef const struct device compat_devnode_device;
#else
typedef struct device compat_devnode_device;
#endif

#endif
