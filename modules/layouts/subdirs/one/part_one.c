// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

static int __init start(void)
{
	pr_info("part_one: %d\n", 1);
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
