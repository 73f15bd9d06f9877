// SPDX-License-Identifier: GPL-2.0-or-later
// "The user wants kobox to stop": one flag for the process, which every wait looks at.
//
// Every blocking wait of kobox polls interrupt_fd() beside what it waits for, and every long
// computation asks interrupted() now and then; both then return ErrorKind::interrupted, and the
// owners' destructors stop children and remove temporary directories.
#pragma once

#include "base/result.h"

namespace kobox {

// Makes SIGINT, SIGTERM and SIGHUP set the flag. A second signal of them ends the process at
// once (its children die with it: see Child). SIGPIPE is ignored, so that a closed standard
// output is an error of write(2). Call once, before threads start.
Result<> install_interrupt_handlers();

// What the handler runs before a second signal ends the process, in place of the destructors that
// then do not run. It must be async-signal-safe. nullptr: nothing.
void before_forced_end(void (*restore)());

// Sets the flag by hand. Async-signal-safe.
void interrupt();
bool interrupted();
// Readable for ever once interrupted.
int interrupt_fd();
// The Error that an interrupted wait returns.
std::unexpected<Error> fail_interrupted();
// Tests only: forgets an interrupt.
void reset_interrupt_for_testing();

}  // namespace kobox
