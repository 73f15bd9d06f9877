// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Its init returns an error.
 *
 * EXPECT-KIND: load
 * insmod: "can't insert '...': Input/output error". The kernel prints nothing, so there is
 * neither function nor line.
 */
#include <linux/errno.h>
#include <linux/module.h>

static int __init faulty_load_init(void)
{
	return -EIO;
}
module_init(faulty_load_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Its init fails");
