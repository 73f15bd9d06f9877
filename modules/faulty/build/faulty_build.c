// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does not compile.
 *
 * EXPECT-KIND: build
 * EXPECT-FILE: faulty_build.c
 * The line is the one marked below; the message is the compiler's:
 * "'undeclared_answer' undeclared (first use in this function)".
 */
#include <linux/module.h>

static int __init faulty_build_init(void)
{
	return undeclared_answer; /* EXPECT: build */
}
module_init(faulty_build_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Does not compile");
