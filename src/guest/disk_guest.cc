// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/disk_guest.h"

#include "base/text.h"

namespace kobox {

Result<> settle_disk_guest(Guest& guest) {
  // By way of the page cache the programs of every test are in the saved memory.
  constexpr const char* k_script =
      "systemctl is-system-running --wait\n"
      "udevadm settle --timeout=10\n"
      "for i in insmod rmmod modprobe dmesg cat ls grep dd tail tar su bash; do $i --version; "
      "done\n"
      "true\n";
  KOBOX_TRY(const auto reply,
            guest.agent().run({.command = k_script, .timeout = guest.spec().boot_limit}));
  if (!reply.timed_out) return {};
  return fail(ErrorKind::timeout, "systemd did not finish the boot within {}",
              format_duration(guest.spec().boot_limit));
}

Result<> settle_udev(Guest& guest, Duration limit) {
  KOBOX_CHECK(guest.agent().run({.command = "exec udevadm settle", .timeout = limit}));
  return {};
}

}  // namespace kobox
