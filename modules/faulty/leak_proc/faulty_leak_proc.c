// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps its /proc entry.
 *
 * EXPECT-KIND: leak
 * What is left: /proc/faulty_leak_proc. Reading it would fault: its functions are gone.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int show(struct seq_file *seq, void *data)
{
	seq_puts(seq, "still here\n");
	return 0;
}

static int __init faulty_leak_proc_init(void)
{
	if (!proc_create_single("faulty_leak_proc", 0444, NULL, show))
		return -ENOMEM;
	return 0;
}

static void __exit faulty_leak_proc_exit(void)
{
	/* remove_proc_entry("faulty_leak_proc", NULL) is missing */
}

module_init(faulty_leak_proc_init);
module_exit(faulty_leak_proc_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Leaks a /proc entry");
