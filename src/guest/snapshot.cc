// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/snapshot.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vm/snapshot.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

// QEMU writes a few hundred kilobytes.
constexpr Duration k_save_limit = 20s;

}  // namespace

Result<GuestSnapshot> save_guest(EventLoop& loop, Guest& guest) {
  GuestSnapshot snapshot{.spec = guest.spec(), .accel = guest.accel()};
  KOBOX_TRY(snapshot.state, make_memory_file("kobox-state"));
  KOBOX_CHECK(save_state(loop, guest.machine(), snapshot.state, Deadline::after(k_save_limit)));
  // What the guest had sent before it stopped belongs to it, not to its forks.
  loop.run_ready();
  if (guest.agent().broken()) return std::unexpected(*guest.agent().broken());
  KOBOX_TRY(snapshot.memory, reopen(guest.memory(), O_RDWR));
  snapshot.standing = guest.agent().standing();
  snapshot.console = guest.console();
  // QEMU wrote out what it had of the disk before it said that it was done. The image stays what
  // it is; the layers above are the machine's.
  for (std::size_t i = 1; i < guest.disk().size(); ++i) {
    KOBOX_TRY(auto layer, reopen(guest.disk()[i], O_RDONLY));
    snapshot.disk.push_back(std::move(layer));
  }
  return snapshot;
}

Result<Fd> make_guest_memory(std::uint64_t bytes) {
  KOBOX_TRY(auto memory, make_memory_file("kobox-guest-memory"));
  if (::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0)
    return fail_errno("cannot make the guest's memory");
  return memory;
}

Result<> copy_sparse(const Fd& from, const Fd& to) {
  struct stat info = {};
  if (::fstat(from.get(), &info) != 0) return fail_errno("cannot read a saved machine's memory");
  const auto size = static_cast<std::size_t>(info.st_size);
  void* target = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, to.get(), 0);
  if (target == MAP_FAILED) return fail_errno("cannot map a guest's memory");
  Result<> copied;
  for (off_t begin = 0; begin < info.st_size && copied;) {
    begin = ::lseek(from.get(), begin, SEEK_DATA);
    if (begin < 0) break;  // ENXIO: only a hole is left
    const auto end = ::lseek(from.get(), begin, SEEK_HOLE);
    while (begin < end) {
      const auto got = ::pread(from.get(), static_cast<char*>(target) + begin,
                               static_cast<std::size_t>(end - begin), begin);
      if (got <= 0) {
        copied = fail_errno("cannot read a saved machine's memory");
        break;
      }
      begin += got;
    }
  }
  ::munmap(target, size);
  return copied;
}

}  // namespace kobox
