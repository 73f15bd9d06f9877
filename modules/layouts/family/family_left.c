// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>
#include <linux/moduleparam.h>

int family_add(int a, int b);

static int number = 1;
module_param(number, int, 0444);
MODULE_PARM_DESC(number, "what is added to one");

static int __init start(void)
{
	pr_info("family_left: %d\n", family_add(number, 1));
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
