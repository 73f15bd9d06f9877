// SPDX-License-Identifier: GPL-2.0-or-later
/* Does nothing: for tests that are about something else than the module. */
#include <linux/module.h>

static int __init quiet_init(void) { return 0; }

static void __exit quiet_exit(void) {}

module_init(quiet_init);
module_exit(quiet_exit);
MODULE_DESCRIPTION("Does nothing");
MODULE_LICENSE("GPL");
