// SPDX-License-Identifier: GPL-2.0-or-later
// Saving a machine's state, and waking another one from it.
//
// The memory is not part of the state: it stands in the machine's MemoryFile (QEMU's migration
// capability x-ignore-shared, qapi/migration.json). A machine that keeps its writes in that file
// is stopped and its devices' state saved; any number of machines started with the same command
// line, the same file mapped copy-on-write and StartFrom::saved_state then load that state and go
// on from the very instruction.
#pragma once

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"
#include "vm/machine.h"

namespace kobox {

// Stops the machine for good and writes the state of its devices to `state`. Errors: environment
// (no space, QEMU's own words), timeout, interrupted, protocol.
Result<> save_state(EventLoop& loop, Machine& machine, const Fd& state, Deadline deadline);

// Reads it, from the descriptor's offset on. Errors: as above; environment also when the state is
// not one of this machine's.
Result<> load_state(EventLoop& loop, Machine& machine, const Fd& state, Deadline deadline);

// Lets a stopped machine run.
Result<> resume(Machine& machine, Deadline deadline);

}  // namespace kobox
