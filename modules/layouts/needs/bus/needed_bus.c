// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

int needed_bus_number(void);

int needed_bus_number(void)
{
	return 5;
}
EXPORT_SYMBOL_GPL(needed_bus_number);

static int __init start(void)
{
	pr_info("needed_bus: %d\n", 0);
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
