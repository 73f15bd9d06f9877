// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/errno_name.h"

#include <array>
#include <cstring>

namespace kobox {
namespace {

struct KernelErrno {
  int number;
  const char* name;
};
// The kernel's own, which user space is not meant to see: include/linux/errno.h.
constexpr std::array k_kernel_errnos = {
    KernelErrno{512, "ERESTARTSYS"},
    KernelErrno{513, "ERESTARTNOINTR"},
    KernelErrno{514, "ERESTARTNOHAND"},
    KernelErrno{515, "ENOIOCTLCMD"},
    KernelErrno{516, "ERESTART_RESTARTBLOCK"},
    KernelErrno{517, "EPROBE_DEFER"},
    KernelErrno{518, "EOPENSTALE"},
    KernelErrno{519, "ENOPARAM"},
    KernelErrno{521, "EBADHANDLE"},
    KernelErrno{522, "ENOTSYNC"},
    KernelErrno{523, "EBADCOOKIE"},
    KernelErrno{524, "ENOTSUPP"},
    KernelErrno{525, "ETOOSMALL"},
    KernelErrno{526, "ESERVERFAULT"},
    KernelErrno{527, "EBADTYPE"},
    KernelErrno{528, "EJUKEBOX"},
    KernelErrno{529, "EIOCBQUEUED"},
    KernelErrno{530, "ERECALLCONFLICT"},
    KernelErrno{531, "ENOGRACE"},
};

const char* name_of(int error) {
  for (const auto& one : k_kernel_errnos)
    if (one.number == error) return one.name;
  return ::strerrorname_np(error);
}

}  // namespace

std::string errno_name(int error) {
  const char* name = name_of(error);
  return name != nullptr ? name : std::to_string(error);
}

std::optional<int> errno_of(std::string_view name) {
  constexpr int k_largest = 4095;  // MAX_ERRNO, include/linux/err.h
  for (int error = 1; error <= k_largest; ++error)
    if (const char* known = name_of(error); known != nullptr && name == known) return error;
  return std::nullopt;
}

}  // namespace kobox
