// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
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

Result<Fd> make_memory_file(const char* name) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) return fail_errno("cannot make a file in memory");
  return fd;
}

Result<Fd> reopen(const Fd& fd, int flags) {
  Fd again(::open(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), flags | O_CLOEXEC));
  if (!again) return fail_errno("cannot open a file again");
  return again;
}

}  // namespace kobox
