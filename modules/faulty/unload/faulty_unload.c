// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Has an init and no exit, so the kernel never lets it go.
 *
 * EXPECT-KIND: unload
 * rmmod: "can't unload module 'faulty_unload': Device or resource busy".
 */
#include <linux/module.h>

static int __init faulty_unload_init(void)
{
	return 0;
}
module_init(faulty_unload_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Has no exit");
