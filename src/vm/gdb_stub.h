// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's GDB server (QEMU's docs/system/gdb.rst) for a running machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"
#include "vm/machine.h"

namespace kobox {

// A socket that waits for connections.
// ErrorKind::environment: the name is taken, or too long for a socket (107 bytes, unix(7)).
Result<Fd> listen_on_path(const std::filesystem::path& path);
// A connection to such a socket.
Result<Fd> connect_to_path(const std::filesystem::path& path);
// On the loopback interface only. ErrorKind::environment: the port is taken.
Result<Fd> listen_on_loopback(std::uint16_t port);

// Has QEMU take GDB's connection from `listener`. The machine stops when a debugger connects, and
// goes on when it says so.
Result<> serve_gdb(Machine& machine, const Fd& listener, Deadline deadline);

}  // namespace kobox
