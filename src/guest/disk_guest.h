// SPDX-License-Identifier: GPL-2.0-or-later
// A guest that has its root on a disk: when it has come up.
#pragma once

#include <chrono>

#include "base/result.h"
#include "guest/guest.h"

namespace kobox {

// Waits until systemd has done what it does at boot, and has the guest do once what each fork will.
// A service that failed is no error.
Result<> settle_disk_guest(Guest& guest);

// Waits until udev has done what it does with new devices, or until the limit, which is no error.
inline constexpr Duration k_udev_limit = std::chrono::seconds(5);
Result<> settle_udev(Guest& guest, Duration limit);

}  // namespace kobox
