#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# fetch_kernels.sh KOBOX CACHE MODULE SELECTOR…: makes sure that the kernels are in the cache, and
# the build roots that MODULE needs for them. A mirror may have a bad moment, so it is asked three
# times.
kobox=${KOBOX_E2E_BINARY:-$1}
export XDG_CACHE_HOME="${KOBOX_E2E_CACHE:-$2}"
module=$3
shift 3

build() {
	options=
	for one in "$@"; do options="$options --kernel $one"; done
	# shellcheck disable=SC2086 # one word a kernel
	"$kobox" build "$module" $options
}

# Without a network too, if nothing is missing.
missing=
for kernel in "$@"; do
	"$kobox" kernel show "$kernel" --offline >/dev/null 2>&1 || missing="$missing $kernel"
done

for pause in 5 20 0; do
	# shellcheck disable=SC2086 # one word a kernel
	{ [ -z "$missing" ] || "$kobox" kernel fetch $missing; } && build "$@" && exit 0
	sleep $pause
done
exit 1
