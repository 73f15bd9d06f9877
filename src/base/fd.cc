// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fd.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace kobox {

Result<FdPair> make_pipe() {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
  return FdPair{Fd(raw[0]), Fd(raw[1])};
}

Result<FdPair> make_socket_pair() {
  int raw[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw) != 0)
    return fail_errno("cannot make a socket pair");
  return FdPair{Fd(raw[0]), Fd(raw[1])};
}

}  // namespace kobox
