#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build_image.sh KOBOX CACHE: makes sure that the disk image of the tests is in the cache, and is
# one of this kobox. A mirror may have a bad moment, so it is asked three times.
kobox=${KOBOX_E2E_BINARY:-$1}
export XDG_CACHE_HOME="${KOBOX_E2E_CACHE:-$2}"

again=
for pause in 5 20 0; do
	# Status 2: there is one of another recipe.
	"$kobox" image build $again && exit 0
	[ $? = 2 ] && again=--again
	sleep $pause
done
exit 1
