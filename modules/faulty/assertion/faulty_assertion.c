// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Healthy, but not what its test expects: 41 instead of 42.
 *
 * EXPECT-KIND: assertion
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static noinline int faulty_assertion_show(struct seq_file *seq, void *data)
{
	seq_puts(seq, "41\n");
	return 0;
}

static int __init faulty_assertion_init(void)
{
	if (!proc_create_single("faulty_assertion", 0444, NULL, faulty_assertion_show))
		return -ENOMEM;
	return 0;
}

static void __exit faulty_assertion_exit(void)
{
	remove_proc_entry("faulty_assertion", NULL);
}

module_init(faulty_assertion_init);
module_exit(faulty_assertion_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Says 41 where its test expects 42");
