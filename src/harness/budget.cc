// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness/budget.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/files.h"

namespace kobox {
namespace {

// So many machines more than commands run at once: while one runs its command, the next is started,
// and those before are watched for late errors, which takes no CPU.
constexpr std::uint64_t k_machines_ahead = 4;
// QEMU's own memory beside the guest's.
constexpr std::uint64_t k_qemu_memory = std::uint64_t{64} << 20;
// A fork holds ten, and as many more while it starts; a disk has four, GDB a dozen.
constexpr std::uint64_t k_descriptors = 48;
constexpr std::size_t k_other_descriptors = 64;  // locks, archives, logs, builds

std::uint64_t free_memory() {
  const auto info = read_file("/proc/meminfo");
  const auto at = info ? info->find("MemAvailable:") : std::string::npos;
  if (at == std::string::npos) return std::uint64_t{1} << 30;
  return std::strtoull(info->c_str() + at + 13, nullptr, 10) << 10;
}

std::size_t free_descriptors() {
  struct rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  std::error_code error;
  std::size_t taken = k_other_descriptors;
  for (auto at = fs::directory_iterator("/proc/self/fd", error);
       !error && at != fs::directory_iterator(); at.increment(error))
    ++taken;
  return limit.rlim_cur > taken ? static_cast<std::size_t>(limit.rlim_cur) - taken : 0;
}

}  // namespace

HostRoom look_at_host() {
  return {.cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency())),
          .memory = free_memory(),
          .descriptors = free_descriptors()};
}

Budget share_out(const HostRoom& room, int wanted_jobs, std::size_t kernels,
                 std::uint64_t machine_memory) {
  // A quarter stays for builds and for who else uses the host.
  const auto by_memory = room.memory / 4 * 3 / (machine_memory + k_qemu_memory);
  const auto fitting = std::max<std::uint64_t>(
      1, std::min<std::uint64_t>(by_memory, room.descriptors / k_descriptors));
  const auto wanted = static_cast<std::uint64_t>(wanted_jobs > 0 ? wanted_jobs : room.cores);
  const auto kernels_at_once = std::min<std::uint64_t>(std::max<std::size_t>(kernels, 1), wanted);
  const bool load_once = fitting >= 2 * kernels_at_once;
  const auto machines = load_once ? fitting - kernels_at_once : fitting;
  const auto jobs = std::min(wanted, machines);
  return {.jobs = static_cast<int>(jobs),
          .machines = static_cast<int>(std::min(jobs + k_machines_ahead, machines)),
          .load_once = load_once,
          .fits_wanted = jobs == wanted};
}

}  // namespace kobox
