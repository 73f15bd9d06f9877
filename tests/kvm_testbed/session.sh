#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What kobox does on a machine with KVM: run in the test bed, one command after the other, for
# tests/e2e/kvm_test.cc to judge. Of each, OUT/NAME.out, .err and .status; OUT is
# /kvm_testbed/out. What has its .status there already was recorded by an earlier machine that hung
# later on, and is passed over.
#
#   tests/kvm_testbed/session.sh KOBOX SOURCES
set -u
kobox=$1 sources=$2 out=/kvm_testbed/out
exercise=$sources/modules/qemu_exercise
touch_module=$sources/modules/qemu_touch
write='echo "Test message" > /dev/qemu_exercise'

record() {
  local name=$1
  shift
  [[ ! -s $out/$name.status ]] || return 0
  timeout 400 "$@" >"$out/$name.out" 2>"$out/$name.err" </dev/null
  echo $? >"$out/$name.status"
  printf '%s %s\n' "$SECONDS" "$name" >>"$out/times"
}

# Nothing is known of this KVM yet. Three tests are enough for forks that begin with the module loaded.
record auto "$kobox" test "$exercise" --accel auto --format json \
  --filter '^(greets its first reader|unloads and leaves nothing behind|refuses 256 bytes with EMSGSIZE and keeps the old message)'
record oops "$kobox" test "$sources/modules/faulty/oops" --accel kvm --format json

cat >/tmp/gdb-script <<'GDB'
continue
backtrace
stepi
continue
backtrace
next
info locals
GDB
record debug "$kobox" debug "$exercise" --accel kvm --break qemu_exercise_init --break dev_read \
  --run 'cat /dev/qemu_exercise' --batch /tmp/gdb-script
record exercise "$kobox" exercise "$exercise" --accel kvm

trace() {
  local name=$1
  shift
  record "$name" "$kobox" trace "$@" --accel kvm --format json
}
printf '# what the exercise asks for\nkvm_exit\nkvm_entry\nserial_*\n' >/tmp/events
trace trace "$exercise" --run "$write" --events /tmp/events
trace touch "$touch_module" --run 'echo port 5 > /dev/qemu_touch; echo memory 700 > /dev/qemu_touch'
trace overflow "$touch_module" --run 'echo memory 20000 > /dev/qemu_touch' --buffer 8K
trace dies "$exercise" --run "$write; echo c > /proc/sysrq-trigger"

# A kobox that is killed leaves its instance of the host's tracing; the next one takes it away.
killed_and_next() {
  local victim i
  "$kobox" trace "$exercise" --run 'sleep 100' --timeout 100s --accel kvm >/dev/null 2>&1 &
  victim=$!
  for ((i = 0; i < 600; ++i)); do
    [[ $(cat /sys/kernel/tracing/instances/*/tracing_on 2>/dev/null) == 1 ]] && break
    sleep 0.1
  done
  kill -9 "$victim"
  wait "$victim" 2>/dev/null
  ls /sys/kernel/tracing/instances >"$out/left_by_killed"
  trace after_kill "$exercise" --run true
  ls /sys/kernel/tracing/instances >"$out/left_at_end"
}
[[ -s $out/after_kill.status ]] || killed_and_next

# Without leave to use the host's tracing. (libtracefs mounts it where it may.)
umount /sys/kernel/tracing
umount /sys/kernel/debug
record unpermitted setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
  "$kobox" trace "$exercise" --run "$write" --accel kvm --format json
