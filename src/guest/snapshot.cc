// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/snapshot.h"

#include <fcntl.h>
#include <sys/sendfile.h>
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

// By sendfile(2): the target's pages are filled by the kernel. Written through a mapping, or by a
// buffer, each page of memory would be faulted in or copied once more.
Result<> copy_sparse(const Fd& from, const Fd& to) {
  struct stat info = {};
  if (::fstat(from.get(), &info) != 0) return fail_errno("cannot read a saved machine's memory");
  for (off_t begin = 0; begin < info.st_size;) {
    begin = ::lseek(from.get(), begin, SEEK_DATA);
    if (begin < 0) break;  // ENXIO: only a hole is left
    const auto end = ::lseek(from.get(), begin, SEEK_HOLE);
    if (::lseek(to.get(), begin, SEEK_SET) < 0) return fail_errno("cannot write a guest's memory");
    while (begin < end) {
      const auto sent =
          ::sendfile(to.get(), from.get(), &begin, static_cast<std::size_t>(end - begin));
      if (sent <= 0) return fail_errno("cannot copy a saved machine's memory");
    }
  }
  return {};
}

}  // namespace kobox
