// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

int store_number(void);

int store_number(void)
{
	return 7;
}
EXPORT_SYMBOL_GPL(store_number);

MODULE_DESCRIPTION("One of kobox's examples of how modules are laid out");
MODULE_LICENSE("GPL");
