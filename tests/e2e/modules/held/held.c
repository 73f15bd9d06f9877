// SPDX-License-Identifier: GPL-2.0-or-later
/* Has what a user can hold it by: a device, a type of file system, and a count that leaks. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations held_fops = {
    .owner = THIS_MODULE,
};

static struct miscdevice held_device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "held",
    .fops = &held_fops,
};

static int held_fill_super(struct super_block* super, void* data, int silent) {
  static const struct tree_descr files[] = {{""}};

  return simple_fill_super(super, 0x68656c64, files);
}

static struct dentry* held_mount(struct file_system_type* type, int flags, const char* name,
                                 void* data) {
  return mount_nodev(type, flags, data, held_fill_super);
}

static struct file_system_type held_type = {
    .owner = THIS_MODULE,
    .name = "heldfs",
    .mount = held_mount,
    .kill_sb = kill_litter_super,
};

static int keep_set(const char* value, const struct kernel_param* param) {
  __module_get(THIS_MODULE); /* nobody puts it */
  return 0;
}
module_param_call(keep, keep_set, NULL, NULL, 0200);

static int __init held_init(void) {
  int error = misc_register(&held_device);

  if (error) return error;
  error = register_filesystem(&held_type);
  if (error) misc_deregister(&held_device);
  return error;
}

static void __exit held_exit(void) {
  unregister_filesystem(&held_type);
  misc_deregister(&held_device);
}

module_init(held_init);
module_exit(held_exit);
MODULE_DESCRIPTION("Can be held");
MODULE_LICENSE("GPL");
