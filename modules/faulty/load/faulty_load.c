// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Its init returns an error.
 *
 * EXPECT-KIND: load
 * EXPECT-FUNCTION: faulty_load_init
 * EXPECT-FILE: faulty_load.c
 * insmod: "can't insert '...': Input/output error". The kernel prints nothing.
 */
#include <linux/errno.h>
#include <linux/module.h>

static int __init faulty_load_init(void)
{
	return -EIO; /* EXPECT: load */
}
module_init(faulty_load_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Its init fails");
