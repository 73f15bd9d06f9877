# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the benchmarks: what all of them need, the rival that all of them run among it, a QEMU
# with nothing but a kernel.
# shellcheck shell=bash

# kobox_binary TOP: $KOBOX, or what is built, the release first.
kobox_binary() {
  local candidate
  for candidate in "${KOBOX:-}" "$1/build-release/bin/kobox" "$1/build/bin/kobox"; do
    [[ ! -x $candidate ]] || { echo "$candidate"; return; }
  done
  echo "no kobox is built; run ./check or ./demo first" >&2
  return 4
}

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }
# The wall time of a command in milliseconds; if it fails, what it said.
time_of() {
  local start said
  start=$(milliseconds)
  said=$(timeout 120 "$@" 2>&1 </dev/null) || { echo "$said" >&2; return 1; }
  echo $(($(milliseconds) - start))
}
median() { sort -n "$1" | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
mean() { awk '{sum += $1} END {print sum / NR}' "$1"; }

# prepare_bare_qemu FOLDER KOBOX SELECTOR PROJECT: sets bare_image, the
# kernel that QEMU boots, and bare_qemu, a command that boots the same
# kernel as kobox with the same accelerator, memory and CPUs into an initramfs that powers off at
# once. It has none of kobox's devices: what the kernel alone costs.
prepare_bare_qemu() {
  local directory=$1 kobox=$2 selector=$3 project=$4 cpus
  bare_image=$("$kobox" kernel show "$selector" --format json | sed -n 's/.*"vmlinux": "\(.*\)",/\1/p')
  cpus=$(sed -n 's/^cpus = \([0-9]*\).*/\1/p' "$project/kobox.toml")
  cat >"$directory/init.c" <<'C'
#include <sys/reboot.h>
#include <unistd.h>
int main(void) { reboot(RB_POWER_OFF); pause(); }
C
  mkdir "$directory/root"
  gcc -static -O2 -o "$directory/root/init" "$directory/init.c"
  (cd "$directory/root" && echo init | busybox cpio -o -H newc 2>/dev/null) >"$directory/initrd"
  # shellcheck disable=SC2034
  bare_qemu=(timeout 120 qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none
    -machine pc -accel "tcg,thread=multi" -cpu max -smp "${cpus:-1}" -m 256M
    -kernel "$bare_image" -initrd "$directory/initrd" -serial "file:$directory/console"
    -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off")
}
