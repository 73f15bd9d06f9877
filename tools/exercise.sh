#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The exercise by hand, for the guest's shell: kobox shell modules/qemu_exercise < tools/exercise.sh
# Shows each command as it is typed, and what it prints. Ends with the number of commands that failed.

failed=0

type_in() {
	printf '# %s\n' "$1"
	sh -c "$1" 2>&1
	status=$?
	[ $status -eq 0 ] || printf '(status %d)\n' $status
	return $status
}

# A command that must succeed.
run() { type_in "$1" || failed=$((failed + 1)); }
# The same, for one whose output has no newline of its own.
run_and_break() {
	run "$1"
	echo
}

run 'uname -r'
run 'ls -l /dev/qemu_exercise'
run_and_break 'cat /dev/qemu_exercise'
run 'echo "Test message" > /dev/qemu_exercise'
run_and_break 'cat /dev/qemu_exercise'
run "dmesg | grep 'QEMU Exercise'"
run 'rmmod qemu_exercise'
run "dmesg | grep 'QEMU Exercise' | tail -n 1"
run 'test ! -e /dev/qemu_exercise && echo "the device is gone"'
exit $failed
