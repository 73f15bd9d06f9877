// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

int family_add(int a, int b);

int family_add(int a, int b)
{
	return a + b;
}
EXPORT_SYMBOL_GPL(family_add);

static int __init start(void)
{
	pr_info("family_core: %d\n", 0);
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
