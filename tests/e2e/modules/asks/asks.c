// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/kmod.h>
#include <linux/module.h>

static int __init asks_init(void) {
  pr_info("asks: erofs %d\n", request_module("fs-erofs"));
  pr_info("asks: nothing %d\n", request_module("kobox-there-is-none"));
  return 0;
}

static void __exit asks_exit(void) {}

module_init(asks_init);
module_exit(asks_exit);
MODULE_SOFTDEP("pre: kobox-there-is-none fs-squashfs post: brd");
MODULE_LICENSE("GPL");
