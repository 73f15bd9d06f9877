// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Needs a symbol that nothing exports; Kbuild lets it link all the same.
 *
 * EXPECT-KIND: load
 * The kernel prints "faulty_load_symbol: Unknown symbol faulty_load_symbol_missing (err -2)".
 */
#include <linux/module.h>

extern int faulty_load_symbol_missing(void);

static int __init faulty_load_symbol_init(void)
{
	return faulty_load_symbol_missing();
}
module_init(faulty_load_symbol_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Needs a symbol that nothing exports");
