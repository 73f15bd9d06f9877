// SPDX-License-Identifier: GPL-2.0-or-later
// A file that says it is a bzImage.
#include "fuzz_target.h"
#include "kernel/vmlinuz.h"

using namespace kobox;

FUZZ_TARGET(input) {
  (void)bzimage_release(input).has_value();
  (void)unpack_vmlinux(input).has_value();
}
