// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waits for ever and cannot be interrupted.
 *
 * EXPECT-KIND: lockup
 * EXPECT-FUNCTION: faulty_lockup_task_wait
 * EXPECT-FILE: faulty_lockup_task.c
 * The line is the one marked below.
 * "INFO: task sh:.. blocked for more than .. seconds." after kernel.hung_task_timeout_secs. The
 * task cannot be killed, so neither the command nor the module ever goes away.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static DECLARE_COMPLETION(never);

/*
 * It has something left to do after the call, or the compiler would make a jump of it and this
 * function would not be in the call trace.
 */
static noinline void faulty_lockup_task_wait(void)
{
	wait_for_completion(&never); /* EXPECT: lockup */
	reinit_completion(&never);
}

static ssize_t device_write(struct file *file, const char __user *buffer, size_t len,
			    loff_t *offset)
{
	faulty_lockup_task_wait();
	return len;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = device_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_lockup_task",
	.fops = &operations,
};

module_misc_device(device);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kobox authors");
MODULE_DESCRIPTION("Waits for ever");
