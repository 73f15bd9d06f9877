// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults in its init, which kills insmod.
 *
 * EXPECT-KIND: oops
 * EXPECT-FUNCTION: faulty_oops_init_init
 * EXPECT-FILE: faulty_oops_init.c
 * The line is the one marked below. The module stays in the state "coming" and can never be
 * removed, which is no failure of its own.
 */
#include <linux/compiler.h>
#include <linux/module.h>

static int *nowhere;

static int __init faulty_oops_init_init(void)
{
	WRITE_ONCE(*nowhere, 1); /* EXPECT: oops */
	return 0;
}

static void __exit faulty_oops_init_exit(void)
{
}

module_init(faulty_oops_init_init);
module_exit(faulty_oops_init_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Faults in its init");
