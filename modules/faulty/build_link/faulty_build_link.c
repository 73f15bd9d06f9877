// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compiles but does not link: modpost does not find a symbol.
 *
 * EXPECT-KIND: build
 * There is neither file nor line; the message is modpost's:
 * ERROR: modpost: "faulty_build_link_missing" [...] undefined!
 */
#include <linux/module.h>

extern int faulty_build_link_missing(void);

static int __init faulty_build_link_init(void)
{
	return faulty_build_link_missing();
}
module_init(faulty_build_link_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Does not link");
