// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults in its exit, which kills rmmod.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_oops_exit_exit
 * EXPECT-FILE: faulty_oops_exit.c
 * The line is the one marked below. The module stays in the state "going": that it could not be
 * removed tells less than the oops.
 */
#include <linux/compiler.h>
#include <linux/module.h>

static int *nowhere;

static int __init faulty_oops_exit_init(void)
{
	return 0;
}

static void __exit faulty_oops_exit_exit(void)
{
	WRITE_ONCE(*nowhere, 1); /* EXPECT: oops */
}

module_init(faulty_oops_exit_init);
module_exit(faulty_oops_exit_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Faults in its exit");
