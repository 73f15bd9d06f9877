#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs session.sh in the test bed. What a session needs of the network and of a compiler is got
# here, where that is fast.
#
#   tests/kvm_testbed/record.sh KOBOX CACHE OUT
set -euo pipefail
kobox=$1 cache=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cd "$here/../.." && pwd)
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
export XDG_CACHE_HOME=$cache XDG_STATE_HOME=$state

for module in qemu_exercise qemu_touch faulty/oops; do
  "$kobox" build "$sources/modules/$module" --kernel 6.1-cloud >/dev/null
done
kernel=$(find "$cache/kobox/kernels" -maxdepth 1 -type d -name '6.1.*-amd64' ! -name '*cloud*' | sort -V | tail -n 1)
# A machine that hangs (see run) is given up, and another goes on where it stopped. No step takes
# longer than 400 seconds.
rm -rf "$out"
mkdir -p "$out"
for _ in 1 2 3 4; do
  status=0
  KVM_TESTBED_LIMIT=460 "$here/run" "$kernel" "$out" "$here/session.sh" "$kobox" "$sources" || status=$?
  ((status == 123)) || break
  echo "${0##*/}: given up after these steps:" >&2
  cat "$out/times" >&2 || true
done
exit "$status"
