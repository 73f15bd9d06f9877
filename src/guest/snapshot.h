// SPDX-License-Identifier: GPL-2.0-or-later
// A guest that was stopped and saved: what forks resume from (Guest::fork).
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "guest/agent_client.h"
#include "guest/guest.h"

namespace kobox {

struct GuestSnapshot {
  GuestSpec spec;  // its directory is of no meaning here
  Accel accel = Accel::tcg;
  Fd memory;  // the guest's, byte for byte
  Fd state;   // QEMU's migration stream of everything else
  AgentClient::Standing standing;
  ConsoleText console;  // what it had printed
  // What its disk had more than the image, in layers that nobody writes to any more.
  std::vector<Fd> disk = {};
};

// Stops a saveable guest, whose agent must have nothing under way, and saves it; the guest is of
// no use afterwards. Errors: environment, timeout, interrupted, protocol.
Result<GuestSnapshot> save_guest(EventLoop& loop, Guest& guest);

// A file in memory of that many bytes.
Result<Fd> make_guest_memory(std::uint64_t bytes);

// Copies a file's contents to an empty file of the same size, with its holes.
Result<> copy_sparse(const Fd& from, const Fd& to);

}  // namespace kobox
