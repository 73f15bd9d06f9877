// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

int store_number(void);

static int __init start(void)
{
	pr_info("store_client: %d\n", store_number());
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
